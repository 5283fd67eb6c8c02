import { ScimError } from './errors.js';
import { type Attribute, bindPath, findAttribute, findExtension, type ResourceType } from './schema.js';

/**
 * A resource as plain JSON with the schema's own spelling of names; an extension's attributes stand under its URN.
 * Unassigned attributes are absent: RFC 7643 2.5 makes null, [] and absent one state.
 */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json | undefined;
}
export interface Document {
  [name: string]: Json | undefined;
}

/** What a client stated: a missing key is "not sent", null is "unassigned". */
export type Statement = Document;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** RFC 7643 2.5, and what identity providers send for it: null, "", [], {}. */
export const isUnassigned = (value: Json | undefined): boolean =>
  value === undefined ||
  value === null ||
  value === '' ||
  (Array.isArray(value) && value.length === 0) ||
  (isObject(value) && Object.values(value).every(isUnassigned));

const describe = (value: unknown): string => {
  if (Array.isArray(value)) return 'a list';
  if (value === null) return 'null';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
};

const wrongType = (path: string, expected: string, value: unknown): ScimError =>
  new ScimError('invalidValue', `${path} must be ${expected}, but ${describe(value)} was sent.`);

/** PostgreSQL can hold neither a NUL character nor half of a surrogate pair; no name needs them. */
const readString = (path: string, value: Json): string => {
  if (typeof value !== 'string') throw wrongType(path, 'a string', value);
  if (value.includes('\u0000') || !value.isWellFormed()) {
    throw new ScimError('invalidValue', `${path} contains a NUL character or an incomplete Unicode character; remove it.`);
  }
  return value;
};

/** Entra, Keycloak and OneLogin send booleans as strings, in any case (RFC 7643 2.3.2 wants true or false). */
const readBoolean = (path: string, value: Json): boolean => {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'string') {
    const word = value.trim().toLowerCase();
    if (word === 'true') return true;
    if (word === 'false') return false;
  }
  throw wrongType(path, 'true or false', value);
};

const readNumber = (attribute: Attribute, path: string, value: Json): number => {
  if (typeof value === 'number' && (attribute.type !== 'integer' || Number.isInteger(value))) return value;
  throw wrongType(path, attribute.type === 'integer' ? 'a whole number' : 'a number', value);
};

const readSimple = (attribute: Attribute, path: string, value: Json): Json => {
  switch (attribute.type) {
    case 'boolean':
      return readBoolean(path, value);
    case 'decimal':
    case 'integer':
      return readNumber(attribute, path, value);
    case 'string':
    case 'dateTime':
    case 'binary':
    case 'reference':
      return readString(path, value);
    case 'complex':
      return readComplex(attribute, path, value);
  }
};

/** RFC 7643 2.3.8. A bare value stands for `{ "value": … }`, a list of one for its element: Entra sends a manager in both forms. */
const readComplex = (attribute: Attribute, path: string, value: Json): Json => {
  const subAttributes = attribute.subAttributes ?? [];
  const sole = Array.isArray(value) && value.length === 1 ? (value[0] as Json) : value;
  if (typeof sole === 'string' && findAttribute(subAttributes, 'value') !== undefined) {
    return readComplex(attribute, path, { value: sole });
  }
  if (!isObject(sole)) throw wrongType(path, 'an object', value);
  const result: Document = {};
  for (const [key, sent] of Object.entries(sole)) {
    const subAttribute = findAttribute(subAttributes, key);
    if (subAttribute === undefined || isUnassigned(sent)) continue;
    result[subAttribute.name] = readValue(subAttribute, `${path}.${subAttribute.name}`, sent);
  }
  return result;
};

const readMany = (attribute: Attribute, path: string, value: Json): Json => {
  const sent = Array.isArray(value) ? (value as readonly Json[]) : [value];
  const elements: Json[] = [];
  sent.forEach((element, index) => {
    if (isUnassigned(element)) return;
    const read = readSimple(attribute, `${path}[${index}]`, element);
    if (!isUnassigned(read)) elements.push(read);
  });
  return tidyElements(elements);
};

const canonical = (value: Json | undefined): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    isObject(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  ) ?? '';

/** Equal as SCIM values: the order of an object's keys says nothing. */
export const equalValues = (a: Json | undefined, b: Json | undefined): boolean => canonical(a) === canonical(b);

/** RFC 7643 2.4: no value twice, and one primary at most (the first that says so). */
export const tidyElements = (elements: readonly Json[]): Json[] => {
  const seen = new Set<string>();
  const kept: Json[] = [];
  let hasPrimary = false;
  for (const element of elements) {
    const single: Json = isObject(element) && element.primary === true && hasPrimary ? { ...element, primary: false } : element;
    const key = canonical(single);
    if (seen.has(key)) continue;
    seen.add(key);
    hasPrimary ||= isObject(single) && single.primary === true;
    kept.push(single);
  }
  return kept;
};

/**
 * Reads what a client stated for one attribute.
 *
 * @returns null where it says "unassigned" (RFC 7643 2.5).
 * @throws {ScimError} `invalidValue`, with the path of the wrong part.
 */
export const readValue = (attribute: Attribute, path: string, value: Json | undefined): Json => {
  if (value === undefined || isUnassigned(value)) return null;
  const read = attribute.multiValued ? readMany(attribute, path, value) : readSimple(attribute, path, value);
  return isUnassigned(read) ? null : read;
};

/** `name.givenName` and `urn:…:User:department` as a key of a body: Entra sends paths where the RFC has nested objects (RFC 7644 3.10). */
export const splitKey = (key: string): { urn?: string; name: string; sub?: string } => {
  const colon = key.toLowerCase().startsWith('urn:') ? key.lastIndexOf(':') : -1;
  const rest = key.slice(colon + 1);
  const dot = rest.indexOf('.');
  return {
    ...(colon > 0 ? { urn: key.slice(0, colon) } : {}),
    name: dot < 0 ? rest : rest.slice(0, dot),
    ...(dot < 0 ? {} : { sub: rest.slice(dot + 1) }),
  };
};

const mergeInto = (target: Statement, name: string, part: Json): void => {
  const before = target[name];
  target[name] = isObject(before) && isObject(part) ? { ...before, ...part } : part;
};

const stateExtension = (statement: Statement, schemaId: string, attributes: readonly Attribute[], value: Json): void => {
  if (!isObject(value)) {
    if (isUnassigned(value)) statement[schemaId] = null;
    else throw wrongType(schemaId, 'an object', value);
    return;
  }
  const extension: Document = {};
  for (const [key, sent] of Object.entries(value)) {
    const attribute = findAttribute(attributes, key);
    if (attribute === undefined) continue;
    const read = readValue(attribute, `${schemaId}:${attribute.name}`, sent);
    if (read !== null) extension[attribute.name] = read;
  }
  mergeInto(statement, schemaId, extension);
};

/**
 * Reads a body of POST or PUT. Names are compared without case, unknown and read-only attributes are ignored
 * (RFC 7644 3.3, 3.5.1), `password` is dropped at once.
 *
 * @throws {ScimError} `invalidSyntax` if the body is no object, `invalidValue` with the path of what is wrong.
 */
export const readDocument = (type: ResourceType, body: unknown): Statement => {
  if (!isObject(body)) throw new ScimError('invalidSyntax', `The body must be a JSON object that describes a ${type.name}.`);
  const statement: Statement = {};
  for (const [key, sent] of Object.entries(body)) {
    const extension = findExtension(type, key);
    if (extension !== undefined) {
      stateExtension(statement, extension.id, extension.attributes, sent ?? null);
      continue;
    }
    const bound = bindPath(type, splitKey(key));
    if (bound === undefined || (bound.extension !== undefined && !key.includes(':'))) continue;
    const { attribute, subAttribute } = bound;
    if (attribute.mutability === 'readOnly' || attribute.name === 'schemas') continue;
    // RFC 7643 4.1.1: a password is taken and forgotten; nothing of it may reach a log, an event or an error.
    if (attribute.returned === 'never') continue;
    const read =
      subAttribute === undefined
        ? readValue(attribute, attribute.name, sent)
        : readValue(attribute, attribute.name, { [subAttribute.name]: sent ?? null });
    if (bound.extension === undefined) {
      if (subAttribute === undefined) statement[attribute.name] = read;
      else if (read !== null) mergeInto(statement, attribute.name, read);
    } else if (read !== null) {
      mergeInto(statement, bound.extension, { [attribute.name]: read });
    }
  }
  return statement;
};

/** The document without the keys that a statement unassigns. */
export const assignedOnly = (statement: Statement): Document => {
  const document: Document = {};
  for (const [key, value] of Object.entries(statement)) {
    if (!isUnassigned(value)) document[key] = value;
  }
  return document;
};
