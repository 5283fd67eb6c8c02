import {
  assignedOnly,
  canonical,
  type Document,
  equalValues,
  isObject,
  isUnassigned,
  type Json,
  type JsonObject,
  readValue,
  tidyElements,
} from './document.js';
import { asElements, switchPrimary } from './elements.js';
import { ScimError } from './errors.js';
import { type Filter, parsePatchPath } from './filter.js';
import { matchesElement } from './match.js';
import type { PatchOperation } from './patch-request.js';
import {
  type Attribute,
  type BoundAttribute,
  bindPath,
  findAttribute,
  findExtension,
  type ResourceType,
  type Schema,
  subAttributesOf,
} from './schema.js';

/** The `eq` terms of a filter that is made of nothing but `eq` joined by `and`; undefined for any other filter. */
const equalityTerms = (filter: Filter<BoundAttribute>): Document | undefined => {
  if (filter.kind === 'and') {
    const all: Document = {};
    for (const operand of filter.operands) {
      const terms = equalityTerms(operand);
      if (terms === undefined) return undefined;
      Object.assign(all, terms);
    }
    return all;
  }
  return filter.kind === 'compare' && filter.op === 'eq' ? { [filter.path.attribute.name]: filter.value } : undefined;
};

/** Which part of a document an operation works on: the resource itself or the object of an extension. */
const holderOf = (document: Document, extension: string | undefined): Document => {
  if (extension === undefined) return document;
  const current = document[extension];
  const holder: Document = isObject(current) ? { ...current } : {};
  document[extension] = holder;
  return holder;
};

const assertWritable = (attribute: Attribute, path: string): void => {
  if (attribute.mutability === 'readOnly') throw new ScimError('mutability', `${path} is read-only.`);
};

const assign = (holder: Document, attribute: Attribute, value: Json, path: string): void => {
  if (isUnassigned(value)) {
    if (attribute.required) throw new ScimError('mutability', `${path} is required and cannot be removed.`);
    delete holder[attribute.name];
  } else {
    holder[attribute.name] = value;
  }
};

const writeWhole = (
  holder: Document,
  op: 'add' | 'replace',
  attribute: Attribute,
  sent: Json | undefined,
  path: string,
): void => {
  const value = readValue(attribute, path, sent);
  const before = holder[attribute.name];
  if (attribute.multiValued && op === 'add') {
    const known = new Set(asElements(before).map(canonical));
    const added = asElements(value).filter((element) => !known.has(canonical(element)));
    if (added.length === 0) return;
    holder[attribute.name] = tidyElements(switchPrimary([...asElements(before), ...added], new Set(added)));
    return;
  }
  if (attribute.type === 'complex' && !attribute.multiValued && isObject(before) && isObject(sent)) {
    // RFC 7644 3.5.2.3: sub-attributes that are not named keep their values; a replace of one by null removes it, an add of null adds nothing.
    const named = Object.keys(sent).map((key) => findAttribute(subAttributesOf(attribute), key)?.name);
    const kept = Object.fromEntries(Object.entries(before).filter(([name]) => op === 'add' || !named.includes(name)));
    assign(holder, attribute, { ...kept, ...(isObject(value) ? value : {}) }, path);
    return;
  }
  if (op === 'add' && value === null) return;
  assign(holder, attribute, value, path);
};

const writeSubAttribute = (
  holder: Document,
  op: 'add' | 'replace',
  attribute: Attribute,
  subAttribute: Attribute,
  sent: Json | undefined,
  path: string,
): void => {
  assertWritable(subAttribute, path);
  const value = readValue(subAttribute, path, sent);
  if (op === 'add' && value === null) return;
  const withPart = (element: JsonObject): JsonObject => assignedOnly({ ...element, [subAttribute.name]: value });
  const before = holder[attribute.name];
  if (!attribute.multiValued) {
    assign(holder, attribute, withPart(isObject(before) ? before : {}), path);
    return;
  }
  // RFC 7644 3.5.2: without a filter the sub-attribute of every element is meant; where there is none, one is made.
  const elements = asElements(before);
  const changed =
    elements.length === 0 ? [withPart({})] : elements.map((element) => (isObject(element) ? withPart(element) : element));
  assign(holder, attribute, tidyElements(changed.filter((element) => !isUnassigned(element))), path);
};

const removeSubAttribute = (element: Json, name: string): Json =>
  isObject(element) ? (Object.fromEntries(Object.entries(element).filter(([key]) => key !== name)) as JsonObject) : element;

const writeFiltered = (
  holder: Document,
  operation: PatchOperation,
  bound: BoundAttribute,
  filter: Filter<BoundAttribute>,
  path: string,
): void => {
  const { attribute, subAttribute } = bound;
  const elements = asElements(holder[attribute.name]);
  const matched = elements.filter((element) => matchesElement(element, filter));
  if (matched.length === 0) {
    if (operation.op === 'remove') return;
    const terms = equalityTerms(filter);
    // An element made of `primary` alone would take it from one that has a value.
    if (subAttribute === undefined || subAttribute.name === 'primary' || terms === undefined) {
      throw new ScimError('noTarget', `No value of ${attribute.name} matches the path "${path}".`);
    }
    // RFC 7644 3.5.2.3 asks for noTarget; who sends quirk U08 means this element, and cannot make it any other way.
    const value = readValue(subAttribute, path, operation.value);
    if (value === null) return;
    const made = readValue({ ...attribute, multiValued: false }, path, { ...terms, [subAttribute.name]: value });
    assign(holder, attribute, tidyElements(switchPrimary([...elements, made], new Set([made]))), path);
    return;
  }
  const changed = new Map<Json, Json | undefined>();
  for (const element of matched) {
    if (operation.op === 'remove') {
      changed.set(element, subAttribute === undefined ? undefined : removeSubAttribute(element, subAttribute.name));
    } else if (subAttribute !== undefined) {
      const value = readValue(subAttribute, path, operation.value);
      if (operation.op === 'add' && value === null) return;
      changed.set(element, assignedOnly({ ...(isObject(element) ? element : {}), [subAttribute.name]: value }));
    } else {
      const value = readValue({ ...attribute, multiValued: false }, path, operation.value);
      if (operation.op === 'add') {
        if (value === null) return;
        changed.set(element, isObject(element) && isObject(value) ? { ...element, ...value } : value);
      } else {
        // RFC 7644 3.5.2.3: "all matching record values SHALL be replaced", whatever else they held.
        changed.set(element, value ?? undefined);
      }
    }
  }
  const winners = new Set([...changed.values()].filter((element) => element !== undefined));
  const after = elements.map((element) => (changed.has(element) ? changed.get(element) : element));
  const kept = after.filter((element): element is Json => element !== undefined && !isUnassigned(element));
  assign(holder, attribute, tidyElements(switchPrimary(kept, winners)), path);
};

/** A remove with a value list takes those elements only: quirk G10 (the RFC knows no value here). */
const removeListed = (holder: Document, attribute: Attribute, sent: Json, path: string): void => {
  const keyOf = (element: Json): string => canonical(isObject(element) ? element.value : element);
  const listed = new Map<string, Json[]>();
  for (const item of asElements(readValue(attribute, path, sent))) {
    const same = listed.get(keyOf(item));
    if (same === undefined) listed.set(keyOf(item), [item]);
    else same.push(item);
  }
  const unkeyed = listed.get(canonical(undefined)) ?? [];
  const isMeant = (item: Json, element: Json): boolean =>
    isObject(item) && isObject(element)
      ? Object.entries(item).every(([key, value]) => equalValues(element[key], value))
      : equalValues(item, element);
  const isListed = (element: Json): boolean =>
    [...(listed.get(keyOf(element)) ?? []), ...unkeyed].some((item) => isMeant(item, element));
  assign(
    holder,
    attribute,
    asElements(holder[attribute.name]).filter((element) => !isListed(element)),
    path,
  );
};

const applyBound = (document: Document, operation: PatchOperation, bound: BoundAttribute, path: string): void => {
  const { attribute, subAttribute } = bound;
  // A password is taken and forgotten; `schemas` follows from what the resource holds.
  if (attribute.returned === 'never' || attribute.name === 'schemas') return;
  assertWritable(attribute, path);
  const holder = holderOf(document, bound.extension);
  if (operation.op === 'remove') {
    if (subAttribute === undefined) {
      const listed = attribute.multiValued && !isUnassigned(operation.value) ? operation.value : undefined;
      if (listed === undefined) assign(holder, attribute, null, path);
      else removeListed(holder, attribute, listed, path);
      return;
    }
    const stripped = asElements(holder[attribute.name]).map((element) => removeSubAttribute(element, subAttribute.name));
    assign(
      holder,
      attribute,
      attribute.multiValued ? tidyElements(stripped.filter((e) => !isUnassigned(e))) : (stripped[0] ?? null),
      path,
    );
  } else if (subAttribute === undefined) {
    writeWhole(holder, operation.op, attribute, operation.value, path);
  } else {
    writeSubAttribute(holder, operation.op, attribute, subAttribute, operation.value, path);
  }
};

const applyExtension = (document: Document, operation: PatchOperation, extension: Schema): void => {
  if (operation.op === 'remove') {
    delete document[extension.id];
    return;
  }
  // An object of nulls unassigns what it names; only null as a whole unassigns the extension.
  if (!isObject(operation.value) && isUnassigned(operation.value)) {
    if (operation.op === 'replace') delete document[extension.id];
    return;
  }
  if (!isObject(operation.value)) throw new ScimError('invalidValue', `${extension.id} must be an object of attributes.`);
  for (const [key, value] of Object.entries(operation.value)) {
    const attribute = findAttribute(extension.attributes, key);
    if (attribute === undefined) continue;
    applyBound(
      document,
      { op: operation.op, value },
      { extension: extension.id, attribute },
      `${extension.id}:${attribute.name}`,
    );
  }
};

/** RFC 7644 3.5.2.1, 3.5.2.3: a value without path states attributes; what is unknown or read-only among them is ignored. */
const applyPathless = (document: Document, operation: PatchOperation, type: ResourceType): void => {
  for (const [key, value] of Object.entries(isObject(operation.value) ? operation.value : {})) {
    const extension = findExtension(type, key);
    if (extension !== undefined) {
      applyExtension(document, { ...operation, value }, extension);
      continue;
    }
    const bound = bindPath(type, { name: key });
    if (bound === undefined || bound.attribute.name === 'schemas' || bound.attribute.mutability === 'readOnly') continue;
    applyBound(document, { op: operation.op, value }, bound, key);
  }
};

const applyOperation = (document: Document, operation: PatchOperation, type: ResourceType): void => {
  const path = operation.path?.trim();
  if (path === undefined) {
    applyPathless(document, operation, type);
    return;
  }
  const target = parsePatchPath(path, type);
  switch (target.kind) {
    case 'unknown':
      // An extension that is not known here is the identity provider's own affair; a bare name is a slip of the administrator's.
      if (path.toLowerCase().startsWith('urn:')) return;
      throw new ScimError('invalidPath', `The path "${path.slice(0, 200)}" names no attribute of a ${type.name}.`);
    case 'extension':
      applyExtension(document, operation, target.extension);
      return;
    case 'attribute':
      if (target.filter === undefined) {
        applyBound(document, operation, target.bound, path);
      } else {
        assertWritable(target.bound.attribute, path);
        if (target.bound.subAttribute !== undefined) assertWritable(target.bound.subAttribute, path);
        writeFiltered(holderOf(document, target.bound.extension), operation, target.bound, target.filter, path);
      }
  }
};

/**
 * Applies the operations of a PATCH in their order (RFC 7644 3.5.2) and gives the new document; the old one is left as it is,
 * so a failing operation leaves nothing half-done.
 *
 * @throws {ScimError} `invalidPath`, `invalidFilter`, `invalidValue`, `noTarget` or `mutability`.
 */
export const applyPatch = (document: JsonObject, operations: readonly PatchOperation[], type: ResourceType): Document => {
  const next: Document = { ...document };
  for (const operation of operations) applyOperation(next, operation, type);
  return assignedOnly(next);
};
