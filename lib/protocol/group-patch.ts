import { type Document, findKey, isObject, isUnassigned, type Json, type JsonObject } from './document.js';
import { ScimError } from './errors.js';
import { type Filter, parsePatchPath } from './filter.js';
import { isStorableText, matchesElement } from './match.js';
import { applyPatch } from './patch.js';
import type { PatchOperation } from './patch-request.js';
import { GROUP_RESOURCE_TYPE } from './resource-schemas.js';
import type { BoundAttribute } from './schema.js';

/** What a request does to the members of a group, as sets of ids. `exact`: nobody but `add` is left. */
export interface MemberSets {
  readonly exact: boolean;
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

const memberId = (element: Json, at: string): string => {
  if (!isObject(element)) throw new ScimError('invalidValue', `${at} must be an object with the id of a person as "value".`);
  const type = element[findKey(element, 'type') ?? 'type'];
  if (typeof type === 'string' && type !== '' && type.toLowerCase() !== 'user') {
    throw new ScimError(
      'invalidValue',
      `${at} is a ${type.slice(0, 40)}: only people can be members, Unleash has no groups in groups.`,
    );
  }
  const id = element[findKey(element, 'value') ?? 'value'];
  if (typeof id !== 'string' || id === '' || id.includes('\u0000') || !id.isWellFormed()) {
    throw new ScimError('invalidValue', `${at} must have the id of a person as "value".`);
  }
  return id;
};

/**
 * Reads a list of members as their ids.
 *
 * @throws {ScimError} `invalidValue`, naming the element that is no person.
 */
export const readMemberIds = (sent: Json | undefined): readonly string[] => {
  if (isUnassigned(sent)) return [];
  if (!Array.isArray(sent)) throw new ScimError('invalidValue', 'members must be a list of objects.');
  return [...new Set((sent as readonly Json[]).map((element, index) => memberId(element, `members[${index}]`)))];
};

/** The ids of a filter that is nothing but `value eq "…"`, joined by `or`. */
const filteredIds = (filter: Filter<BoundAttribute>): readonly string[] | undefined => {
  if (filter.kind === 'or') {
    const all = filter.operands.map(filteredIds);
    return all.every((ids) => ids !== undefined) ? all.flat() : undefined;
  }
  return filter.kind === 'compare' && filter.op === 'eq' && filter.path.attribute.name === 'value'
    ? [String(filter.value)].filter(isStorableText)
    : undefined;
};

class MemberFold {
  #exact = false;
  readonly #add = new Set<string>();
  readonly #remove = new Set<string>();
  #touched = false;

  add(ids: readonly string[]): void {
    this.#touched = true;
    for (const id of ids) {
      this.#remove.delete(id);
      this.#add.add(id);
    }
  }

  remove(ids: readonly string[]): void {
    this.#touched = true;
    for (const id of ids) {
      this.#add.delete(id);
      if (!this.#exact) this.#remove.add(id);
    }
  }

  replace(ids: readonly string[]): void {
    this.#touched = true;
    this.#exact = true;
    this.#remove.clear();
    this.#add.clear();
    for (const id of ids) this.#add.add(id);
  }

  /** Who is in the group at this point, seen from the members before the request. */
  membersNow(before: readonly JsonObject[]): readonly JsonObject[] {
    const known = new Map(before.map((member) => [String(member.value), member]));
    const kept = this.#exact ? [] : before.filter((member) => !this.#remove.has(String(member.value)));
    const added = [...this.#add]
      .filter((id) => this.#exact || !known.has(id))
      .map((id) => known.get(id) ?? { value: id, type: 'User' });
    return [...kept, ...added];
  }

  result(): MemberSets | undefined {
    return this.#touched ? { exact: this.#exact, add: [...this.#add], remove: [...this.#remove] } : undefined;
  }
}

/** Operations with a path of their own, or none that names members: what is in a value without path becomes its own operation. */
const splitMembers = (operation: PatchOperation): readonly PatchOperation[] => {
  if (operation.path !== undefined || !isObject(operation.value)) return [operation];
  const rest: Document = {};
  const members: PatchOperation[] = [];
  for (const [key, value] of Object.entries(operation.value)) {
    if (key.toLowerCase() === 'members') members.push({ op: operation.op, path: 'members', value });
    else rest[key] = value;
  }
  return [...(Object.keys(rest).length > 0 ? [{ op: operation.op, value: rest }] : []), ...members];
};

const pathNamesMembers = (path: string): boolean => /(^|:)members\s*(\[|\.|$)/i.test(path.trim());

const selectedByFilter = (operation: PatchOperation): Filter<BoundAttribute> | undefined => {
  if (operation.path === undefined || !pathNamesMembers(operation.path)) return undefined;
  const path = parsePatchPath(operation.path, GROUP_RESOURCE_TYPE);
  return path.kind === 'attribute' && path.filter !== undefined && filteredIds(path.filter) === undefined
    ? path.filter
    : undefined;
};

/** Whether the members have to be known: only for a filter on something else than their ids. */
export const needsMembers = (operations: readonly PatchOperation[]): boolean =>
  operations.some((operation) => selectedByFilter(operation) !== undefined);

const foldMembers = (fold: MemberFold, operation: PatchOperation, before: readonly JsonObject[]): void => {
  const path = parsePatchPath(operation.path ?? '', GROUP_RESOURCE_TYPE);
  if (path.kind !== 'attribute') throw new ScimError('invalidPath', 'The path names no attribute of a member.');
  if (path.bound.subAttribute !== undefined) {
    throw new ScimError('mutability', 'The attributes of a member cannot be changed; remove the member and add another.');
  }
  if (path.filter === undefined) {
    if (operation.op === 'add') fold.add(readMemberIds(operation.value));
    else if (operation.op === 'replace') fold.replace(readMemberIds(operation.value));
    // Without a value all members go; with one, these only: quirk G10 (RFC 7644 3.5.2.2 knows no value here).
    else if (operation.value === undefined || operation.value === null) fold.replace([]);
    else fold.remove(readMemberIds(operation.value));
    return;
  }
  const { filter } = path;
  if (operation.op !== 'remove')
    throw new ScimError('mutability', 'Members cannot be changed in place; remove them and add others.');
  fold.remove(
    filteredIds(filter) ??
      fold
        .membersNow(before)
        .filter((member) => matchesElement(member, filter))
        .map((member) => String(member.value)),
  );
};

/**
 * Applies a PATCH to a group: attributes to the document, members to sets, so that nobody has to read a group to change it.
 *
 * @param members the members before, only where `needsMembers` says so.
 * @throws {ScimError} as `applyPatch`.
 */
export const patchGroup = (
  document: JsonObject,
  operations: readonly PatchOperation[],
  members: readonly JsonObject[],
): { readonly document: Document; readonly members: MemberSets | undefined } => {
  const fold = new MemberFold();
  let next: Document = { ...document };
  for (const operation of operations.flatMap(splitMembers)) {
    if (operation.path !== undefined && pathNamesMembers(operation.path)) foldMembers(fold, operation, members);
    else next = applyPatch(next, [operation], GROUP_RESOURCE_TYPE);
  }
  return { document: next, members: fold.result() };
};

/** What operations do to the members, where they speak of nothing else and no member has to be known; undefined otherwise. */
export const membersOnly = (operations: readonly PatchOperation[]): MemberSets | undefined => {
  const parts = operations.flatMap(splitMembers);
  const isAlone = parts.every(({ path }) => path !== undefined && pathNamesMembers(path));
  return isAlone && !needsMembers(parts) ? patchGroup({}, parts, []).members : undefined;
};
