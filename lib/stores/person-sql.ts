import { countTerms, type Filter } from '../protocol/filter.js';
import type { ResourceQuery } from '../protocol/list-query.js';
import { ENTERPRISE_URN, USER_URN } from '../protocol/resource-schemas.js';
import type { BoundAttribute } from '../protocol/schema.js';
import { compileFilter, type FilterColumns, type FilterElements } from '../sql/filter-sql.js';
import { compileSortKey } from '../sql/sort-sql.js';
import { type SqlFragment, sql } from '../sql/sql.js';
import { matchingRows } from './page-sql.js';
import { rootRoleOf } from './role-sql.js';

/**
 * A managed person has a row of ours, and what it says of the host's columns is true: triggers follow the host's own writes
 * (migrations/003-people.sql). So who reads a person reads one table.
 */
export const PEOPLE = sql`scim_users s`;

/** Who is there for SCIM: everybody managed whom nobody removed, suspended or not. */
export const VISIBLE = sql`s.state <> 'gone'`;

const IS_ACTIVE = sql`(s.state = 'active')`;

const VERSION = sql`s.version::text`;

/** Memberships as SCIM shows them: those of a suspended person are parked. */
const MEMBERSHIPS = sql`(SELECT group_id, user_id FROM group_user UNION ALL SELECT group_id, user_id FROM scim_parked_members)`;

/** The host's `email_hash`, by which it counts seats; NULL of NULL. */
export const emailHash = (email: SqlFragment): SqlFragment => sql`encode(sha256(convert_to(${email}, 'UTF8')), 'hex')`;

/**
 * True where nobody else who is suspended has the e-mail that was written for `s`; else an error, that of a unique index. To be asked
 * as the last of the statement that writes it: see `scim_keep_email` (migrations/003-people.sql).
 */
export const keepsEmail = (
  before: { readonly active: boolean; readonly hostEmail: string | null },
  email: string | null,
): SqlFragment => {
  if (before.hostEmail === email) return sql`TRUE`;
  return before.active ? sql`scim_keep_email(s.user_id, s.host_email)` : sql`scim_claim_email(s.user_id, s.host_email)`;
};

/** What a row of ours takes over from the one that was to be inserted, where there is one already. */
export const OWN_ROW_TAKEN_OVER = sql`scim_id = excluded.scim_id, state = 'active', user_name = excluded.user_name,
  external_id = excluded.external_id, document = excluded.document, other_emails = excluded.other_emails,
  host_name = excluded.host_name, host_username = excluded.host_username, host_email = excluded.host_email`;

const SHOWN_COLUMNS = sql`
  s.scim_id AS "scimId", s.external_id AS "externalId", s.user_name AS "userName", ${IS_ACTIVE} AS active, ${VERSION} AS version,
  s.created_at AS created, s.updated_at AS "lastModified"`;

/** A `PersonRow` for each person. */
export const PERSON_COLUMNS = sql`${SHOWN_COLUMNS}, scim_groups_of(s.user_id, ${IS_ACTIVE}) AS groups,
  s.user_id AS "userId", s.document, s.host_email AS "hostEmail", s.host_name AS "hostName", s.host_username AS "hostUsername"`;

/**
 * Groups as the JSON text of an answer, which nobody has to read on the way. A function for suspended people keeps their table
 * out of the statements for all others. OFFSET 0, here and elsewhere: groups are looked up one by one, also by a plan that was
 * made when there were few.
 */
const groupList = (reference: unknown): SqlFragment => sql`coalesce(CASE WHEN ${IS_ACTIVE} THEN (
  SELECT '[{"value":"' || string_agg(CASE WHEN g.scim_id ~ '[^A-Za-z0-9_.~-]' THEN scim_odd_member(g.scim_id, g.name, ${reference}::text)
    ELSE scim_member(g.scim_id, g.name, ${reference}::text) END, '"},{"value":"' ORDER BY m.group_id) || '"}]'
  FROM group_user m CROSS JOIN LATERAL (SELECT scim_id, name FROM groups WHERE id = m.group_id AND scim_id IS NOT NULL OFFSET 0) g
  WHERE m.user_id = s.user_id)
  ELSE scim_parked_group_list(s.user_id, ${reference}::text) END, '[]')`;

/** What stands between the display of a group and the id that ends its $ref, in the lists of groups that Postgres writes. */
export const groupReference = (baseUrl: string): string =>
  `,"type":"direct","$ref":"${JSON.stringify(`${baseUrl}/Groups/`).slice(1, -1)}`;

/**
 * A `ListedPerson` for each person. Each column costs the server some 0.4 µs a row to read.
 *
 * @param reference - the place of a `groupReference`; undefined: without groups, at no cost.
 */
export const listedColumns = (reference: unknown): SqlFragment => sql`
  ${SHOWN_COLUMNS}, ${reference === undefined ? sql`NULL::text` : groupList(reference)} AS groups,
  s.document::text AS document, CASE WHEN s.document ? 'emails' THEN NULL ELSE s.host_email END AS "unstatedEmail", s.document ? ${ENTERPRISE_URN}::text AS "isEnterprise"`;

/** Which root role the host's row has; to be read where a change is told of. */
export const ROOT_ROLE_COLUMN = sql`${rootRoleOf(sql`u.id`)} AS "rootRole"`;

/** The one person with that id. */
export const byScimId = (scimId: string): SqlFragment => sql`s.scim_id = ${scimId}`;

const text = (expression: SqlFragment, equals?: (value: string) => SqlFragment) =>
  ({ kind: 'text', expression, ...(equals === undefined ? {} : { equals }) }) as const;

const byUserName = (value: string): SqlFragment => sql`lower(s.user_name) = lower(${value})`;

const byExternalId = (value: string): SqlFragment => sql`s.external_id = ${value}`;

const GROUPS_OF_PERSON: FilterElements = {
  column: (subAttribute) => {
    switch (subAttribute.name) {
      case 'value':
        return text(sql`g.scim_id`);
      case 'display':
        return text(sql`g.name`);
      case 'type':
        return text(sql`'direct'::text`);
      default:
        return undefined;
    }
  },
  exists: (condition) =>
    sql`EXISTS (SELECT 1 FROM ${MEMBERSHIPS} m JOIN groups g ON g.id = m.group_id WHERE m.user_id = s.user_id AND g.scim_id IS NOT NULL AND ${condition})`,
};

/** A person whose address came from the userName alone has it as an e-mail in answers: who searches by e-mail must find them. */
const SHOWN_EMAILS = sql`(CASE WHEN s.document ? 'emails' OR s.host_email IS NULL THEN '{}'::jsonb
  ELSE jsonb_build_object('emails', jsonb_build_array(jsonb_build_object('value', s.host_email, 'type', 'work', 'primary', true))) END)`;

/** As answers show it; `schemas` follows from what a person has. */
const FILTERED_DOCUMENT = sql`(s.document || ${SHOWN_EMAILS} || jsonb_build_object('schemas', CASE WHEN s.document ? ${ENTERPRISE_URN}::text
  THEN jsonb_build_array(${USER_URN}::text, ${ENTERPRISE_URN}::text) ELSE jsonb_build_array(${USER_URN}::text) END))`;

/** `host_email` is the primary address, or the only one; in lower case, as `other_emails` are. */
const byEmail = (value: string): SqlFragment => {
  const wanted = value.toLowerCase();
  return sql`(s.host_email = ${wanted} OR (s.other_emails <> '{}' AND s.other_emails @> ARRAY[${wanted}]::text[]))`;
};

/** Where the filters of people find their attributes. */
export const PERSON_FILTER_COLUMNS: FilterColumns = {
  document: FILTERED_DOCUMENT,
  elements: (attribute) => (attribute.name === 'groups' ? GROUPS_OF_PERSON : undefined),
  column: ({ extension, attribute, subAttribute }) => {
    if (extension !== undefined) return undefined;
    switch (subAttribute === undefined ? attribute.name : `${attribute.name}.${subAttribute.name}`) {
      case 'id':
        return text(sql`s.scim_id`, byScimId);
      case 'userName':
        return text(sql`s.user_name`, byUserName);
      case 'externalId':
        return text(sql`s.external_id`, byExternalId);
      case 'active':
        return { kind: 'boolean', expression: IS_ACTIVE };
      case 'emails.value':
        return { kind: 'lookup', equals: byEmail };
      case 'meta.created':
        return { kind: 'timestamp', expression: sql`s.created_at` };
      case 'meta.lastModified':
        return { kind: 'timestamp', expression: sql`s.updated_at` };
      case 'meta.resourceType':
        return text(sql`'User'::text`);
      case 'meta.version':
        return text(sql`('W/"' || ${VERSION} || '"')`);
      default:
        return undefined;
    }
  },
};

/** Whether a lookup finds one person at the most: an e-mail can be several people's. */
export const findsOne = (lookup: Filter<BoundAttribute>): boolean =>
  lookup.kind === 'compare' && PERSON_FILTER_COLUMNS.column(lookup.path)?.kind === 'text';

/** Conditions from which on the document is made once for each person, not once for each condition; for fewer the making costs more. */
const MANY_TERMS = 6;
const PEOPLE_WITH_DOCUMENT = sql`${PEOPLE} CROSS JOIN LATERAL (SELECT ${FILTERED_DOCUMENT} AS document OFFSET 0) d`;

/** The people of a list, as a part of `ListSource.matching`. */
export const matchingPeople = ({ filter, sort }: ResourceQuery): SqlFragment => {
  const isLong = filter !== undefined && countTerms(filter) >= MANY_TERMS;
  const columns = isLong ? { ...PERSON_FILTER_COLUMNS, document: sql`d.document` } : PERSON_FILTER_COLUMNS;
  return matchingRows({
    from: isLong ? PEOPLE_WITH_DOCUMENT : PEOPLE,
    id: sql`s.user_id`,
    condition: filter === undefined ? VISIBLE : sql`${VISIBLE} AND ${compileFilter(filter, columns)}`,
    sortKey: sort && compileSortKey(sort.by, columns),
  });
};
