import { type Document, isObject, type Json, type JsonObject } from './document.js';
import {
  type Attribute,
  type BoundAttribute,
  bindPath,
  coreAttributes,
  findExtension,
  type ResourceType,
  splitPath,
} from './schema.js';

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

/** An attribute that an answer holds; of its sub-attributes those that `cut` keeps, all of them where `parts` is undefined. */
export interface Shown {
  readonly name: string;
  readonly parts: ReadonlySet<string> | undefined;
}

/** What an answer holds of any resource of a type, in the order of the schemas. */
export interface Outline {
  readonly core: readonly Shown[];
  readonly extensions: readonly { readonly id: string; readonly attributes: readonly Shown[] }[];
}

const outlines = new WeakMap<Projection, Map<ResourceType, Outline>>();

/** Worked out once for all resources of a page. */
export const outlineOf = (type: ResourceType, projection: Projection): Outline => {
  const known = outlines.get(projection) ?? new Map<ResourceType, Outline>();
  outlines.set(projection, known);
  const before = known.get(type);
  if (before !== undefined) return before;
  const shown = (attributes: readonly Attribute[], extension?: string): readonly Shown[] =>
    attributes.flatMap((attribute) => {
      const key = keyOf(extension, attribute.name);
      if (!isReturned(projection, key, attribute)) return [];
      const parts = projection.selection.get(key);
      return [{ name: attribute.name, parts: parts === undefined || parts.size === 0 ? undefined : parts }];
    });
  const outline = {
    core: shown(coreAttributes(type)),
    extensions: type.extensions.map(({ id, attributes }) => ({ id, attributes: shown(attributes, id) })),
  };
  known.set(type, outline);
  return outline;
};

export const cut = ({ mode }: Projection, parts: ReadonlySet<string>, value: Json): Json => {
  const keep = (element: Json): Json =>
    isObject(element)
      ? Object.fromEntries(Object.entries(element).filter(([name]) => parts.has(name.toLowerCase()) === (mode === 'only')))
      : element;
  return Array.isArray(value) ? (value as readonly Json[]).map(keep) : keep(value);
};

const pick = (projection: Projection, shown: readonly Shown[], source: JsonObject): Document => {
  const picked: Document = {};
  for (const { name, parts } of shown) {
    const value = source[name];
    if (value !== undefined) picked[name] = parts === undefined ? value : cut(projection, parts, value);
  }
  return picked;
};

/** What is shown of the extensions, by their ids; of one that the resource does not use nothing. */
export const pickExtensions = (projection: Projection, { extensions }: Outline, resource: JsonObject): Document => {
  const picked: Document = {};
  for (const { id, attributes } of extensions) {
    const source = resource[id];
    if (!isObject(source)) continue;
    const part = pick(projection, attributes, source);
    if (Object.keys(part).length > 0) picked[id] = part;
  }
  return picked;
};

/** Cuts a whole resource down to what was asked for. */
export const project = (type: ResourceType, resource: Document, projection: Projection): Document => {
  if (projection.mode === 'default') return resource;
  const outline = outlineOf(type, projection);
  return { ...pick(projection, outline.core, resource), ...pickExtensions(projection, outline, resource) };
};
