import { type Document, isObject, type Json } from './document.js';
import { type Attribute, type BoundAttribute, bindPath, findExtension, type ResourceType, splitPath } from './schema.js';

/** Which attributes an answer holds (RFC 7644 3.9). Keys are lower-case names, `name` or `urn:name`; the set says which sub-attributes, empty for all. */
type Selection = ReadonlyMap<string, ReadonlySet<string>>;

export interface Projection {
  readonly mode: 'default' | 'only' | 'without';
  readonly selection: Selection;
}

export const WHOLE: Projection = { mode: 'default', selection: new Map() };

const keyOf = (extension: string | undefined, name: string): string =>
  (extension === undefined ? name : `${extension}:${name}`).toLowerCase();

const select = (type: ResourceType, list: string): Selection => {
  const selection = new Map<string, Set<string>>();
  const add = (key: string, sub?: string): void => {
    const before = selection.get(key);
    if (sub === undefined) selection.set(key, new Set());
    else if (before === undefined) selection.set(key, new Set([sub.toLowerCase()]));
    else if (before.size > 0) before.add(sub.toLowerCase());
  };
  for (const name of list.split(',').map((part) => part.trim())) {
    if (name === '') continue;
    const extension = findExtension(type, name);
    if (extension !== undefined) {
      for (const attribute of extension.attributes) add(keyOf(extension.id, attribute.name));
      continue;
    }
    const bound = bindPath(type, splitPath(name));
    if (bound !== undefined) add(keyOf(bound.extension, bound.attribute.name), bound.subAttribute?.name);
  }
  return selection;
};

/**
 * Reads `attributes` and `excludedAttributes`, comma-separated. Where both are sent, `attributes` decides:
 * the RFC leaves it open, and the shorter answer is the one that was asked for. Unknown names select nothing.
 */
export const readProjection = (
  type: ResourceType,
  attributes: string | undefined,
  excludedAttributes: string | undefined,
): Projection => {
  if (attributes !== undefined && attributes.trim() !== '') return { mode: 'only', selection: select(type, attributes) };
  if (excludedAttributes !== undefined && excludedAttributes.trim() !== '') {
    return { mode: 'without', selection: select(type, excludedAttributes) };
  }
  return WHOLE;
};

const isReturned = (projection: Projection, key: string, attribute: Attribute): boolean => {
  if (attribute.returned === 'always') return true;
  if (attribute.returned === 'never') return false;
  const chosen = projection.selection.get(key);
  if (projection.mode === 'only') return chosen !== undefined;
  return !(projection.mode === 'without' && chosen !== undefined && chosen.size === 0);
};

/** Whether an answer will hold the attribute, so that a store need not load what nobody sees. */
export const includes = (projection: Projection, bound: BoundAttribute): boolean =>
  isReturned(projection, keyOf(bound.extension, bound.attribute.name), bound.attribute);

/** `includes` for one attribute of a type, which is looked up once. */
export const includesNamed = (type: ResourceType, name: string): ((projection: Projection) => boolean) => {
  const bound = bindPath(type, { name });
  return (projection) => bound !== undefined && includes(projection, bound);
};

const cut = (projection: Projection, chosen: ReadonlySet<string> | undefined, value: Json): Json => {
  if (chosen === undefined || chosen.size === 0) return value;
  const keep = (element: Json): Json =>
    isObject(element)
      ? Object.fromEntries(
          Object.entries(element).filter(([name]) => chosen.has(name.toLowerCase()) === (projection.mode === 'only')),
        )
      : element;
  return Array.isArray(value) ? (value as readonly Json[]).map(keep) : keep(value);
};

/** Cuts a whole resource down to what was asked for. */
export const project = (type: ResourceType, resource: Document, projection: Projection): Document => {
  if (projection.mode === 'default') return resource;
  const result: Document = {};
  const copy = (target: Document, extension: string | undefined, attributes: readonly Attribute[], source: Document): void => {
    for (const attribute of attributes) {
      const value = source[attribute.name];
      const key = keyOf(extension, attribute.name);
      if (value !== undefined && isReturned(projection, key, attribute)) {
        target[attribute.name] = cut(projection, projection.selection.get(key), value);
      }
    }
  };
  copy(result, undefined, [...type.common, ...type.core.attributes], resource);
  for (const extension of type.extensions) {
    const source = resource[extension.id];
    if (!isObject(source)) continue;
    const part: Document = {};
    copy(part, extension.id, extension.attributes, source);
    if (Object.keys(part).length > 0) result[extension.id] = part;
  }
  return result;
};
