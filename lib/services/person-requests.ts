import { assignedOnly, type Document, equalValues, isObject, readDocument, type Statement } from '../protocol/document.js';
import { ScimError } from '../protocol/errors.js';
import { applyPatch } from '../protocol/patch.js';
import type { PatchOperation } from '../protocol/patch-request.js';
import { USER_RESOURCE_TYPE } from '../protocol/resource-schemas.js';
import type { Claim } from '../stores/claim-store.js';
import type { NewPerson, PersonState } from '../stores/person-state.js';
import type { ShownPerson } from '../stores/person-store.js';
import { assertNotRecoveryAdmin, isRecoveryAdmin } from './claims.js';
import { statedDocument, toState } from './person-mapping.js';

// What a request states of a person, before anybody knows whether it can be so.

export const changedAttributes = (before: Document, after: Document): readonly string[] =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((key) => !equalValues(before[key], after[key]));

/** What the identity provider is silent about when it takes over a host user stays as it was. */
export const adoptedState = (statement: Statement, claim: Claim): PersonState => {
  const document = assignedOnly(statement);
  if (statement.emails === undefined && claim.email !== null) {
    document.emails = [{ value: claim.email, type: 'work', primary: true }];
  }
  const state = toState(document);
  return state.hostName !== null || claim.name === null ? state : toState({ ...document, displayName: claim.name });
};

/** A body of POST. */
export interface SentPerson {
  readonly stated: Statement;
  readonly fresh: PersonState;
  readonly startsActive: boolean;
}

/** @throws {ScimError} for what is no person, or a recovery admin. */
export const readNewPerson = (body: unknown, recoveryAdmins: readonly string[]): SentPerson => {
  const { active, ...stated } = readDocument(USER_RESOURCE_TYPE, body);
  const fresh = toState(assignedOnly(stated));
  assertNotRecoveryAdmin(fresh, recoveryAdmins);
  return { stated, fresh, startsActive: active !== false };
};

/** A person who can be created without looking further than at the names; undefined for any other body. */
export const readSimplePerson = (scimId: string, body: unknown, recoveryAdmins: readonly string[]): NewPerson | undefined => {
  try {
    const { fresh, startsActive } = readNewPerson(body, recoveryAdmins);
    return startsActive ? { scimId, state: fresh, hasSeat: true } : undefined;
  } catch (error) {
    if (error instanceof ScimError) return undefined;
    throw error;
  }
};

/** undefined where a unique index says that a name is taken: whoever decides then knows whose it is. */
export const unlessTaken = async <Result>(call: Promise<Result>): Promise<Result | undefined> => {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ScimError && error.kind === 'uniqueness') return undefined;
    throw error;
  }
};

/** undefined for what may not be written: whether that is told depends on whether there is such a person. */
export const writableState = (document: Document, recoveryAdmins: readonly string[]): PersonState | undefined => {
  try {
    const state = toState(document);
    return isRecoveryAdmin([state.userName, state.hostEmail], recoveryAdmins) ? undefined : state;
  } catch (error) {
    if (error instanceof ScimError) return undefined;
    throw error;
  }
};

/** The value where a PATCH suspends or resumes, and does nothing else. */
export const activeAlone = ([operation, ...others]: readonly PatchOperation[]): boolean | undefined => {
  if (operation === undefined || others.length > 0 || operation.op === 'remove') return undefined;
  const { path, value } = operation;
  const sent = path === undefined && isObject(value) && Object.keys(value).length === 1 ? value.active : undefined;
  const active = path?.toLowerCase() === 'active' ? value : sent;
  return typeof active === 'boolean' ? active : undefined;
};

export const patched = (
  person: Pick<ShownPerson, 'externalId' | 'userName' | 'document' | 'active'>,
  operations: readonly PatchOperation[],
): { readonly next: Document; readonly active: boolean } => {
  const { active, ...next } = applyPatch({ ...statedDocument(person), active: person.active }, operations, USER_RESOURCE_TYPE);
  return { next, active: typeof active === 'boolean' ? active : person.active };
};

/** Of those who share a name or an identifier the first; the others would break a unique index. */
export const withoutRepeats = (people: readonly NewPerson[]): readonly NewPerson[] => {
  const seen = new Set<string>();
  return people.filter(({ state }) => {
    const { userName, hostEmail, externalId } = state;
    const keys = [
      `u${userName.toLowerCase()}`,
      `u${hostEmail ?? userName.toLowerCase()}`,
      ...(externalId === null ? [] : [`x${externalId}`]),
    ];
    if (keys.some((key) => seen.has(key))) return false;
    for (const key of keys) seen.add(key);
    return true;
  });
};
