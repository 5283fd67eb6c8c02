import { type Document, isObject, type Json } from '../protocol/document.js';
import { ScimError } from '../protocol/errors.js';
import type { StoredResource } from '../protocol/messages.js';
import type { PersonRow, PersonState } from '../stores/person-store.js';

/** The host's columns for names are varchar(255). */
const MAX_NAME = 255;
/** An index entry of Postgres holds some 2,700 bytes; no identity provider comes near this. */
const MAX_EXTERNAL_ID = 512;

export const assertLength = (path: string, value: string | null, limit = MAX_NAME): void => {
  if (value !== null && [...value].length > limit) {
    throw new ScimError('invalidValue', `${path} has ${[...value].length} characters; Unleash holds ${limit} at most.`);
  }
};

export const assertExternalId = (value: string | null): void => assertLength('externalId', value, MAX_EXTERNAL_ID);

const text = (value: Json | undefined): string | null => (typeof value === 'string' && value.trim() !== '' ? value : null);

const looksLikeEmail = (value: string): boolean => /^[^\s@]+@[^\s@]+$/.test(value);

const statedEmail = (emails: Json | undefined): string | null => {
  const elements = Array.isArray(emails) ? (emails as readonly Json[]).filter(isObject) : [];
  const addresses = elements.filter((element) => text(element.value) !== null);
  return text((addresses.find((element) => element.primary === true) ?? addresses[0])?.value);
};

const hostNameOf = (document: Document): string | null => {
  const name = isObject(document.name) ? document.name : {};
  const parts = [text(name.givenName), text(name.familyName)].filter((part) => part !== null).join(' ');
  return text(document.displayName) ?? text(name.formatted) ?? text(parts);
};

/**
 * What the host's columns and ours hold for a person: e-mail from the primary address, else the first, else a userName that
 * looks like one; username only where it is not the e-mail; name from displayName, else name.formatted, else its parts.
 *
 * @throws {ScimError} `invalidValue` where userName is missing or a value is longer than the host's column.
 */
export const toState = (document: Document): PersonState => {
  const { userName: sentName, externalId: sentId, active: _active, groups: _groups, ...rest } = document;
  const userName = text(sentName);
  if (userName === null) throw new ScimError('invalidValue', 'userName is required: the person needs a name to be known by.');
  const hostEmail = (statedEmail(document.emails) ?? (looksLikeEmail(userName) ? userName : null))?.toLowerCase() ?? null;
  const hostName = hostNameOf(document);
  const externalId = text(sentId);
  assertLength('userName', userName);
  assertLength('emails.value', hostEmail);
  assertLength('displayName (or name)', hostName);
  assertExternalId(externalId);
  return {
    userName,
    externalId,
    document: rest,
    hostName,
    hostUsername: userName.toLowerCase() === hostEmail ? null : userName,
    hostEmail,
  };
};

/** The attributes that a client may state, as they are now. */
export const statedDocument = (row: PersonRow): Document => ({
  ...(row.externalId === null ? {} : { externalId: row.externalId }),
  userName: row.userName,
  ...row.document,
});

/** An address that came from the userName alone is shown as an e-mail: who searches by e-mail must find the person. */
const shownEmails = (row: PersonRow): Document =>
  row.document.emails !== undefined || row.hostEmail === null
    ? {}
    : { emails: [{ value: row.hostEmail, type: 'work', primary: true }] };

export const toStoredPerson = (row: PersonRow): StoredResource => ({
  id: row.scimId,
  document: {
    ...statedDocument(row),
    ...shownEmails(row),
    active: row.active,
    ...(row.groups === null ? {} : { groups: row.groups }),
  },
  created: row.created,
  lastModified: row.lastModified,
  version: row.version,
});
