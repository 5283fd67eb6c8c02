import { type Document, isObject, type Json } from '../protocol/document.js';
import { ScimError } from '../protocol/errors.js';
import type { StoredResource } from '../protocol/messages.js';
import { ENTERPRISE_URN } from '../protocol/resource-schemas.js';
import type { PersonState } from '../stores/person-state.js';
import type { ListedPerson, ShownPerson } from '../stores/person-store.js';

/** The host's columns for names are varchar(255). */
const MAX_NAME = 255;
/** An index entry of Postgres holds some 2,700 bytes; no identity provider comes near this. */
const MAX_EXTERNAL_ID = 512;

/** Characters of JSON, about: a page of a thousand people has to fit into memory. A person of an identity provider has some 2,000. */
const MAX_DOCUMENT = 100_000;

export const assertLength = (path: string, value: string | null, limit = MAX_NAME): void => {
  if (value !== null && [...value].length > limit) {
    throw new ScimError('invalidValue', `${path} has ${[...value].length} characters; Unleash holds ${limit} at most.`);
  }
};

export const assertExternalId = (value: string | null): void => assertLength('externalId', value, MAX_EXTERNAL_ID);

/** Characters that a value takes, as far as they are needed to see that it takes more than `room`. */
const sizeOf = (value: Json | undefined, room: number): number => {
  if (typeof value === 'string') return value.length + 2;
  if (typeof value !== 'object' || value === null) return 5;
  let size = 2;
  for (const key of Object.keys(value)) {
    size += key.length + 4 + sizeOf((value as Document)[key], room - size);
    if (size > room) break;
  }
  return size;
};

const assertSize = (document: Document): void => {
  if (sizeOf(document, MAX_DOCUMENT) > MAX_DOCUMENT) {
    throw new ScimError(
      'invalidValue',
      `The attributes of a person may have ${MAX_DOCUMENT} characters in all; map fewer of them.`,
    );
  }
};

const text = (value: Json | undefined): string | null => (typeof value === 'string' && value.trim() !== '' ? value : null);

const looksLikeEmail = (value: string): boolean => /^[^\s@]+@[^\s@]+$/.test(value);

const statedEmail = (emails: Json | undefined): string | null => {
  const elements = Array.isArray(emails) ? (emails as readonly Json[]).filter(isObject) : [];
  const addresses = elements.filter((element) => text(element.value) !== null);
  return text((addresses.find((element) => element.primary === true) ?? addresses[0])?.value);
};

/** Every address besides the host's, once. */
const otherEmails = (emails: Json | undefined, hostEmail: string | null): readonly string[] => {
  if (!Array.isArray(emails) || emails.length < 2) {
    const only = statedEmail(emails)?.toLowerCase() ?? null;
    return only === null || only === hostEmail ? [] : [only];
  }
  const addresses = (emails as readonly Json[]).filter(isObject).map((element) => text(element.value)?.toLowerCase());
  return [...new Set(addresses)].filter((address) => address !== undefined && address !== hostEmail) as string[];
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
  assertSize(rest);
  const others = otherEmails(document.emails, hostEmail);
  // They stand in an index too.
  for (const address of others) assertLength('emails.value', address);
  return {
    userName,
    externalId,
    document: rest,
    otherEmails: others,
    hostName,
    hostUsername: userName.toLowerCase() === hostEmail ? null : userName,
    hostEmail,
  };
};

// Objects are put together step by step here: for each row of a page, spreads would take forty times as long.

/** The attributes that a client may state, as they are now. */
export const statedDocument = (row: Pick<ShownPerson, 'externalId' | 'userName' | 'document'>): Document => {
  const { externalId, userName } = row;
  return Object.assign(externalId === null ? { userName } : { externalId, userName }, row.document);
};

/** An address that came from the userName alone is shown as an e-mail: who searches by e-mail must find the person. */
const shownEmails = (hostEmail: string): readonly Document[] => [{ value: hostEmail, type: 'work', primary: true }];

export const toStoredPerson = (row: ShownPerson): StoredResource => {
  const document = statedDocument(row);
  if (document.emails === undefined && row.hostEmail !== null) document.emails = shownEmails(row.hostEmail);
  document.active = row.active;
  if (row.groups !== null) document.groups = row.groups;
  return {
    id: row.scimId,
    document,
    created: row.created,
    lastModified: row.lastModified,
    version: row.version,
  };
};

const WITH_ENTERPRISE = [ENTERPRISE_URN];
const WITHOUT_EXTENSION: readonly string[] = [];
const NOTHING = {};

/** The same, where most of it is JSON text, and stays so. */
export const toListedPerson = (row: ListedPerson): StoredResource => {
  const { externalId, userName } = row;
  const document: Document = externalId === null ? { userName } : { externalId, userName };
  if (row.unstatedEmail !== null) document.emails = shownEmails(row.unstatedEmail);
  document.active = row.active;
  return {
    id: row.scimId,
    document,
    created: row.created,
    lastModified: row.lastModified,
    version: row.version,
    raw: row.groups === null ? NOTHING : { groups: row.groups },
    kept: { json: row.document, extensions: row.isEnterprise ? WITH_ENTERPRISE : WITHOUT_EXTENSION },
  };
};
