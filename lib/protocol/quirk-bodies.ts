import { type Document, findKey, isObject, isUnassigned, type Json, type JsonObject, memberOf } from './document.js';
import { qualify } from './quirk-filter.js';
import { mapKept, mapOperations } from './quirk-values.js';
import {
  type BoundAttribute,
  bindPath,
  coreAttributes,
  findAttribute,
  findExtension,
  type ResourceType,
  splitPath,
} from './schema.js';

/** Bodies and PATCHes whose keys, paths or frame are not what RFC 7643 and 7644 have, rewritten. What is not touched is not copied. */

/** An object, or a text, where a list of them belongs. */
export const listMember = (body: JsonObject, name: string): JsonObject => {
  const key = findKey(body, name);
  const value = key === undefined ? undefined : body[key];
  const stands = isObject(value) || (typeof value === 'string' && value !== '');
  return key === undefined || value === undefined || !stands ? body : { ...body, [key]: [value] };
};

/** The body with its message or schema URI, where it has none. */
export const stateSchemas = (body: JsonObject, uri: string): JsonObject => {
  const key = findKey(body, 'schemas') ?? 'schemas';
  return isUnassigned(body[key]) ? { ...body, [key]: [uri] } : body;
};

/** The body with each URI of `schemas` mapped, and none twice. */
export const mapSchemas = (body: JsonObject, map: (uri: string) => string): JsonObject => {
  const key = findKey(body, 'schemas') ?? 'schemas';
  const list = body[key];
  if (!Array.isArray(list)) return body;
  const sent = list as readonly Json[];
  const mapped = mapKept(sent, (uri) => (typeof uri === 'string' ? map(uri) : uri));
  return mapped === sent ? body : { ...body, [key]: [...new Set(mapped)] };
};

export const lowerOperators = (body: JsonObject): JsonObject =>
  mapOperations(body, (operation) => {
    const key = findKey(operation, 'op');
    const op = key === undefined ? undefined : operation[key];
    if (key === undefined || typeof op !== 'string') return [operation];
    const lower = op.toLowerCase();
    return [lower === op || !['add', 'remove', 'replace'].includes(lower) ? operation : { ...operation, [key]: lower }];
  });

export const mapPaths = (body: JsonObject, map: (path: string) => string): JsonObject =>
  mapOperations(body, (operation) => {
    const key = findKey(operation, 'path');
    const path = key === undefined ? undefined : operation[key];
    if (key === undefined || typeof path !== 'string') return [operation];
    const next = map(path);
    return [next === path ? operation : { ...operation, [key]: next }];
  });

/** The key as a path that binds, without and with the URN of an extension that it should have. */
const bindKey = (type: ResourceType, key: string): BoundAttribute | undefined =>
  bindPath(type, splitPath(colonKey(type, key))) ?? bindPath(type, splitPath(qualify([type], key) ?? key));

/** `urn:…:User.department` for `urn:…:User:department`. */
export const colonKey = (type: ResourceType, key: string): string => {
  const extension = type.extensions.find(({ id }) => key.toLowerCase().startsWith(`${id.toLowerCase()}.`));
  return extension === undefined ? key : `${extension.id}:${key.slice(extension.id.length + 1)}`;
};

export type KeyKind = 'plain' | 'dotted' | 'urn' | 'unqualified';

/** What a key of a body is besides the name of an attribute. Unknown names are plain: they are ignored as they are. */
export const keyKind = (type: ResourceType, key: string): KeyKind => {
  if (findAttribute(coreAttributes(type), key) !== undefined || findExtension(type, key) !== undefined) return 'plain';
  const isUrn = key.toLowerCase().startsWith('urn:');
  // A value path is a path whatever is in it; what it says wrong is reported when it is read.
  if (key.includes('[')) return isUrn ? 'urn' : 'dotted';
  const bound = bindKey(type, key);
  if (bound === undefined || bound.attribute.mutability === 'readOnly') return 'plain';
  if (isUrn) return 'urn';
  return key.includes('.') ? 'dotted' : 'unqualified';
};

/**
 * Makes an operation of its own, in its place, of every key of a value without path that is a path itself: with its path it
 * changes what it names and nothing beside it.
 */
export const splitOffKeys = (
  body: JsonObject,
  type: ResourceType,
  kind: KeyKind,
  ops: readonly string[] = ['add', 'replace'],
): JsonObject =>
  mapOperations(body, (operation) => {
    const op = memberOf(operation, 'op');
    const valueKey = findKey(operation, 'value');
    const value = valueKey === undefined ? undefined : operation[valueKey];
    const path = memberOf(operation, 'path');
    if (valueKey === undefined || !isObject(value) || !isUnassigned(path) || !ops.some((name) => name === op)) return [operation];
    const entries = Object.entries(value);
    if (!entries.some(([key]) => keyKind(type, key) === kind)) return [operation];
    const split: JsonObject[] = [];
    let rest: [string, Json | undefined][] = [];
    const flush = (): void => {
      if (rest.length > 0) split.push({ ...operation, [valueKey]: Object.fromEntries(rest) });
      rest = [];
    };
    for (const [key, part] of entries) {
      if (keyKind(type, key) !== kind) {
        rest.push([key, part]);
        continue;
      }
      flush();
      const own = part === undefined ? {} : { value: part };
      split.push({ op: op ?? null, path: key, ...own });
    }
    flush();
    return split;
  });

interface Placed {
  readonly name: string;
  readonly sub: string | undefined;
  readonly value: Json;
}

/** The object with what was said by paths put in; copied once, however many paths there are. */
const withPlaced = (object: JsonObject, placed: readonly Placed[]): JsonObject => {
  const next: Document = { ...object };
  const keys = new Map(Object.keys(object).map((key) => [key.toLowerCase(), key]));
  const copies = new Map<string, Document>();
  for (const { name, sub, value } of placed) {
    const key = keys.get(name.toLowerCase()) ?? name;
    if (sub === undefined) {
      next[key] = value;
      copies.delete(key);
      continue;
    }
    const before = next[key];
    const copy = copies.get(key) ?? (isObject(before) ? { ...before } : {});
    copy[sub] = value;
    copies.set(key, copy);
    next[key] = copy;
  }
  return next;
};

/** Puts what a body of POST or PUT says by a path, `name.givenName` or `urn:…:User:department`, where it belongs. */
export const nestKeys = (body: JsonObject, type: ResourceType, kind: 'dotted' | 'urn'): JsonObject => {
  if (!Object.keys(body).some((key) => keyKind(type, key) === kind)) return body;
  const kept: [string, Json | undefined][] = [];
  const placed = new Map<string | undefined, Placed[]>();
  for (const [key, value] of Object.entries(body)) {
    const bound = keyKind(type, key) === kind ? bindPath(type, splitPath(colonKey(type, key))) : undefined;
    if (bound === undefined || value === undefined) {
      kept.push([key, value]);
      continue;
    }
    const { extension, attribute, subAttribute } = bound;
    const list = placed.get(extension) ?? [];
    list.push({ name: attribute.name, sub: subAttribute?.name, value });
    placed.set(extension, list);
  }
  if (placed.size === 0) return body;
  let next = withPlaced(Object.fromEntries(kept), placed.get(undefined) ?? []);
  for (const [extension, list] of placed) {
    if (extension === undefined) continue;
    const key = findKey(next, extension) ?? extension;
    const holder = next[key];
    next = { ...next, [key]: withPlaced(isObject(holder) ? holder : {}, list) };
  }
  return next;
};
