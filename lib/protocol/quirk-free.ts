import { isObject, type Json, type JsonObject } from './document.js';
import { type Attribute, bindPath, coreAttributes, type ResourceType, splitPath, subAttributesOf } from './schema.js';

/**
 * Whether a body is so plainly what RFC 7643 and 7644 have that no rule can be about it: names in the schema's own letters,
 * each value of the form that its attribute has. It says no to many a body that is standard too; those are shown to the rules,
 * and all that this is for is to spare the others the way through them.
 */

/** What a client may state. */
export const isStated = ({ mutability, returned, name }: Attribute): boolean =>
  mutability === 'readWrite' && returned !== 'never' && name !== 'schemas';

interface Place {
  readonly attribute: Attribute;
  readonly isStated: boolean;
  /** Of a complex attribute; undefined where none of them may be stated, for then nothing looks into its values. */
  readonly parts: Places | undefined;
}

type Places = ReadonlyMap<string, Place>;

interface Plan {
  /** By the keys of a body. */
  readonly core: Places;
  readonly extensions: ReadonlyMap<string, Places>;
  /** By the paths of a PATCH, as far as they are names without a filter. */
  readonly paths: Places;
  readonly uris: ReadonlySet<unknown>;
}

const placesOf = (attributes: readonly Attribute[]): Places =>
  new Map(
    attributes.map((attribute): readonly [string, Place] => {
      const parts = subAttributesOf(attribute);
      const looksInside = isStated(attribute) && parts.some(isStated);
      return [attribute.name, { attribute, isStated: isStated(attribute), parts: looksInside ? placesOf(parts) : undefined }];
    }),
  );

const pathsOf = (prefix: string, places: Places): readonly (readonly [string, Place])[] =>
  [...places].flatMap(([name, place]): readonly (readonly [string, Place])[] => {
    const parts = place.attribute.multiValued ? [] : [...(place.parts ?? [])];
    return [[prefix + name, place], ...parts.map(([part, inner]) => [`${prefix}${name}.${part}`, inner] as const)];
  });

const plans = new WeakMap<ResourceType, Plan>();

const planOf = (type: ResourceType): Plan => {
  const known = plans.get(type);
  if (known !== undefined) return known;
  const core = placesOf(coreAttributes(type));
  const extensions = new Map(type.extensions.map(({ id, attributes }) => [id, placesOf(attributes)]));
  const plan: Plan = {
    core,
    extensions,
    paths: new Map([...pathsOf('', core), ...[...extensions].flatMap(([id, places]) => pathsOf(`${id}:`, places))]),
    uris: new Set([type.core.id, ...extensions.keys()]),
  };
  plans.set(type, plan);
  return plan;
};

const isPlainElement = ({ attribute, parts }: Place, value: Json): boolean => {
  if (typeof value === 'string') return value !== '' && attribute.type !== 'boolean' && attribute.type !== 'complex';
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value) || attribute.type !== 'complex') return false;
  return parts === undefined || hasPlainMembers(parts, value as JsonObject);
};

const isPlain = (place: Place, value: Json | undefined): boolean => {
  if (value === undefined || value === null || !place.isStated) return true;
  if (!place.attribute.multiValued) return isPlainElement(place, value);
  return Array.isArray(value) && (value as readonly Json[]).every((element) => isPlainElement(place, element));
};

const hasPlainMembers = (places: Places, object: JsonObject): boolean => {
  for (const key of Object.keys(object)) {
    const place = places.get(key);
    if (place === undefined || !isPlain(place, object[key])) return false;
  }
  return true;
};

const statesPlainly = (plan: Plan, object: JsonObject): boolean => {
  for (const key of Object.keys(object)) {
    const value = object[key];
    const place = plan.core.get(key);
    if (place !== undefined) {
      if (!isPlain(place, value)) return false;
      continue;
    }
    const extension = plan.extensions.get(key);
    if (extension === undefined || !isObject(value) || !hasPlainMembers(extension, value)) return false;
  }
  return true;
};

const OPERATORS: ReadonlySet<unknown> = new Set(['add', 'remove', 'replace']);
const OPERATION_KEYS: ReadonlySet<string> = new Set(['op', 'path', 'value']);
/** One element by its id, as members are removed. */
const BY_VALUE = /^([a-z]+)\[value eq "[^"\\]*"\]$/i;

const isPlainOperation = (plan: Plan, operation: Json): boolean => {
  if (!isObject(operation) || !Object.keys(operation).every((key) => OPERATION_KEYS.has(key))) return false;
  const { op, path, value } = operation;
  if (!OPERATORS.has(op)) return false;
  if (path === undefined) return op !== 'remove' && isObject(value) && statesPlainly(plan, value);
  if (typeof path !== 'string') return false;
  const place = plan.paths.get(path);
  // What a remove with a value means depends on the attribute (G10).
  if (op === 'remove') {
    return (
      value === undefined &&
      (place !== undefined || plan.core.get(BY_VALUE.exec(path)?.[1] ?? '')?.attribute.multiValued === true)
    );
  }
  return place !== undefined && isPlain(place, value);
};

const isPlainPatch = (plan: Plan, { schemas, Operations: operations }: JsonObject): boolean =>
  Array.isArray(schemas) &&
  schemas.length > 0 &&
  Array.isArray(operations) &&
  (operations as readonly Json[]).every((operation) => isPlainOperation(plan, operation));

const isPlainBody = (plan: Plan, body: JsonObject): boolean => {
  const { schemas } = body;
  const names = schemas === undefined || (Array.isArray(schemas) && schemas.every((uri) => plan.uris.has(uri)));
  return names && statesPlainly(plan, body);
};

export const isQuirkFree = (part: 'body' | 'patch', body: JsonObject, type: ResourceType): boolean =>
  part === 'patch' ? isPlainPatch(planOf(type), body) : isPlainBody(planOf(type), body);

/** One comparison of one attribute with a text. */
const COMPARISON = /^([a-z]+(?:\.[a-z]+)?) (?:eq|ne|co|sw|ew|gt|ge|lt|le) "([^"\\]*)"$/i;

/** The same of a filter: a name that the schema has, and a text that is no boolean in quotation marks. */
export const isQuirkFreeFilter = (filter: string, types: readonly ResourceType[]): boolean => {
  const [, name, text] = COMPARISON.exec(filter) ?? [];
  if (name === undefined || text === undefined || /^(?:true|false)$/i.test(text)) return false;
  const path = splitPath(name);
  return types.some((type) => bindPath(type, path) !== undefined);
};
