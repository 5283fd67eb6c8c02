import { ScimError } from './errors.js';
import { type Attribute, coreAttributes, findAttribute, findExtension, type ResourceType, subAttributesOf } from './schema.js';

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

/** The key of an object that is a name in any case (RFC 7643 2.1). */
export const findKey = (object: JsonObject, name: string): string | undefined =>
  object[name] === undefined ? Object.keys(object).find((key) => key.toLowerCase() === name.toLowerCase()) : name;

/** The value under a name in any case of letters. */
export const memberOf = (object: JsonObject, name: string): Json | undefined => object[findKey(object, name) ?? name];

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** RFC 7643 2.5: null, [], and what has nothing in it, {} and "", which neither the host nor a filter tells from being absent. */
export const isUnassigned = (value: Json | undefined): boolean => {
  if (value === undefined || value === null || value === '') return true;
  if (typeof value !== 'object') return false;
  if (Array.isArray(value)) return value.length === 0;
  const object = value as JsonObject;
  for (const key of Object.keys(object)) if (!isUnassigned(object[key])) return false;
  return true;
};

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

const readBoolean = (path: string, value: Json): boolean => {
  if (typeof value !== 'boolean') throw wrongType(path, 'true or false', value);
  return value;
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

/** RFC 7643 2.3.8. */
const readComplex = (attribute: Attribute, path: string, value: Json): Json => {
  const subAttributes = subAttributesOf(attribute);
  if (!isObject(value)) throw wrongType(path, 'an object', value);
  const result: Document = {};
  for (const key of Object.keys(value)) {
    const sent = value[key];
    const subAttribute = findAttribute(subAttributes, key);
    if (subAttribute === undefined || isUnassigned(sent)) continue;
    result[subAttribute.name] = readValue(subAttribute, `${path}.${subAttribute.name}`, sent);
  }
  return result;
};

const readMany = (attribute: Attribute, path: string, value: Json): Json => {
  if (!Array.isArray(value)) throw wrongType(path, 'a list', value);
  const elements: Json[] = [];
  (value as readonly Json[]).forEach((element, index) => {
    if (isUnassigned(element)) return;
    const read = readSimple(attribute, `${path}[${index}]`, element);
    if (!isUnassigned(read)) elements.push(read);
  });
  return tidyElements(elements);
};

/** One text for one SCIM value: the order of an object's keys says nothing. */
export const canonical = (value: Json | undefined): string => {
  if (value === undefined) return '';
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(canonical).join(',')}]`;
  const object = value as JsonObject;
  const members = Object.keys(object)
    .filter((key) => object[key] !== undefined)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(object[key])}`);
  return `{${members.join(',')}}`;
};

const countAssigned = (object: JsonObject): number => {
  let count = 0;
  for (const key of Object.keys(object)) if (object[key] !== undefined) count += 1;
  return count;
};

const equalObjects = (a: JsonObject, b: JsonObject): boolean => {
  let count = 0;
  for (const key of Object.keys(a)) {
    const value = a[key];
    if (value === undefined) continue;
    if (!Object.hasOwn(b, key) || !equalValues(value, b[key])) return false;
    count += 1;
  }
  return count === countAssigned(b);
};

/** Equal as SCIM values: the order of an object's keys says nothing. True where `canonical` gives one text for both. */
export const equalValues = (a: Json | undefined, b: Json | undefined): boolean => {
  if (a === b) return true;
  if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null) return false;
  if (!Array.isArray(a)) return !Array.isArray(b) && equalObjects(a as JsonObject, b as JsonObject);
  if (!Array.isArray(b) || a.length !== b.length) return false;
  const others = b as readonly Json[];
  return (a as readonly Json[]).every((element, index) => equalValues(element, others[index]));
};

/** RFC 7643 2.4: no value twice, and one primary at most (the first that says so). */
export const tidyElements = (elements: readonly Json[]): Json[] => {
  if (elements.length < 2) return [...elements];
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
  statement[schemaId] = extension;
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
  for (const key of Object.keys(body)) {
    const sent = body[key];
    const attribute = findAttribute(coreAttributes(type), key);
    if (attribute === undefined) {
      const extension = findExtension(type, key);
      if (extension !== undefined) stateExtension(statement, extension.id, extension.attributes, sent ?? null);
      continue;
    }
    if (attribute.mutability === 'readOnly' || attribute.name === 'schemas') continue;
    // RFC 7643 4.1.1: a password is taken and forgotten; nothing of it may reach a log, an event or an error.
    if (attribute.returned === 'never') continue;
    statement[attribute.name] = readValue(attribute, attribute.name, sent);
  }
  return statement;
};

/** The document without the keys that a statement unassigns. */
export const assignedOnly = (statement: Statement): Document => {
  const document: Document = {};
  for (const key of Object.keys(statement)) {
    const value = statement[key];
    if (!isUnassigned(value)) document[key] = value;
  }
  return document;
};
