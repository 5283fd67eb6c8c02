import { assignedOnly, type Document, isObject, type Json, readDocument } from '../protocol/document.js';
import { ScimError } from '../protocol/errors.js';
import { readMemberIds } from '../protocol/group-patch.js';
import { GROUP_RESOURCE_TYPE } from '../protocol/resource-schemas.js';
import type { GroupNames } from '../stores/group-store.js';
import { assertExternalId, assertLength } from './person-mapping.js';

/** @throws {ScimError} invalidValue where the group would have no name, or one that the host's columns cannot hold. */
export const toNames = (document: Document): GroupNames => {
  const { displayName, externalId } = document;
  if (typeof displayName !== 'string' || displayName.trim() === '') {
    throw new ScimError('invalidValue', 'displayName is required: the group needs a name.');
  }
  const names = { displayName, externalId: typeof externalId === 'string' ? externalId : null };
  assertLength('displayName', names.displayName);
  assertExternalId(names.externalId);
  return names;
};

/** A body of POST or PUT. `members` is undefined where the key is missing: then they stay as they are. */
export const readGroup = (body: unknown): { readonly names: GroupNames; readonly members: readonly string[] | undefined } => {
  if (!isObject(body)) throw new ScimError('invalidSyntax', 'The body must be a JSON object that describes a Group.');
  const key = Object.keys(body).find((name) => name.toLowerCase() === 'members');
  const rest: Document = { ...body };
  const sent: Json | undefined = key === undefined ? undefined : body[key];
  if (key !== undefined) delete rest[key];
  const names = toNames(assignedOnly(readDocument(GROUP_RESOURCE_TYPE, rest)));
  return { names, members: sent === undefined ? undefined : readMemberIds(sent) };
};
