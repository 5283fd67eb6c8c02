import { countTerms } from '../protocol/filter.js';
import type { ResourceQuery } from '../protocol/list-query.js';
import { ENTERPRISE_URN, USER_URN } from '../protocol/resource-schemas.js';
import { compileFilter, type FilterColumns, type FilterElements } from '../sql/filter-sql.js';
import { compileSortKey } from '../sql/sort-sql.js';
import { type SqlFragment, sql } from '../sql/sql.js';
import { IS_LIVE_PERSON } from './admin-sql.js';
import { matchingRows } from './page-sql.js';
import { rootRoleOf } from './role-sql.js';

/**
 * A managed person is a host user and, once SCIM has written them, a row of ours. The host's columns are the truth for name,
 * username and e-mail: where they are not as we last wrote them (`host_*`), what an administrator wrote there shows through.
 * A person whom Unleash Enterprise left has no row of ours, and is served from the host's alone.
 */
export const PEOPLE = sql`users u LEFT JOIN scim_users s ON s.user_id = u.id AND s.state <> 'gone'`;

const LIVE = sql`(u.scim_id IS NOT NULL AND ${IS_LIVE_PERSON})`;

/** Who is there for SCIM: everybody managed whom nobody removed, suspended or not. */
export const VISIBLE = sql`(${LIVE} OR (s.state = 'suspended' AND u.deleted_at IS NOT NULL))`;

const SCIM_ID = sql`(CASE WHEN s.state = 'suspended' THEN s.scim_id ELSE u.scim_id END)`;

const NAME_KEPT = sql`(s.state = 'suspended' OR u.name IS NOT DISTINCT FROM s.host_name)`;
const EMAIL_KEPT = sql`(s.state = 'suspended' OR u.email IS NOT DISTINCT FROM s.host_email)`;
/** A username of NULL says that the e-mail is the user name, so the two go together. */
const USERNAME_KEPT = sql`(s.state = 'suspended' OR (u.username IS NOT DISTINCT FROM s.host_username AND (u.username IS NOT NULL OR u.email IS NOT DISTINCT FROM s.host_email)))`;
const KEPT = sql`(${NAME_KEPT} AND ${EMAIL_KEPT} AND ${USERNAME_KEPT})`;

const USER_NAME = sql`(CASE WHEN s.user_id IS NOT NULL AND ${USERNAME_KEPT} THEN s.user_name ELSE coalesce(u.username, u.email, 'user-' || u.id) END)`;
const EXTERNAL_ID = sql`(CASE WHEN s.user_id IS NULL THEN u.scim_external_id ELSE s.external_id END)`;

const HOST_EMAILS = sql`jsonb_build_array(jsonb_build_object('value', u.email, 'type', 'work', 'primary', true))`;

const DOCUMENT = sql`(CASE
  WHEN s.user_id IS NULL THEN jsonb_strip_nulls(jsonb_build_object('displayName', u.name,
    'emails', CASE WHEN u.email IS NOT NULL THEN ${HOST_EMAILS} END))
  WHEN ${NAME_KEPT} AND ${EMAIL_KEPT} THEN s.document
  ELSE
    CASE WHEN ${NAME_KEPT} THEN s.document
      ELSE (s.document - 'displayName') || jsonb_strip_nulls(jsonb_build_object('displayName', u.name)) END
    || CASE
      WHEN ${EMAIL_KEPT} OR u.email IS NULL THEN '{}'::jsonb
      WHEN EXISTS (SELECT 1 FROM jsonb_array_elements(coalesce(s.document -> 'emails', '[]')) x(e) WHERE lower(x.e ->> 'value') = s.host_email)
      THEN jsonb_build_object('emails', (SELECT jsonb_agg(
        CASE WHEN lower(x.e ->> 'value') = s.host_email THEN x.e || jsonb_build_object('value', u.email) ELSE x.e END ORDER BY x.n)
        FROM jsonb_array_elements(s.document -> 'emails') WITH ORDINALITY x(e, n)))
      ELSE jsonb_build_object('emails', ${HOST_EMAILS})
    END
END)`;

const CREATED = sql`coalesce(s.created_at, u.created_at::timestamptz)`;
const LAST_MODIFIED = sql`(CASE WHEN s.user_id IS NULL THEN u.created_at::timestamptz WHEN ${KEPT} THEN s.updated_at ELSE greatest(s.updated_at, u.updated_at) END)`;

/** Our counter misses what the host's pages change, a hash alone comes back when a value does: both together do neither. */
const versionOf = (counter: SqlFragment, hostColumns: SqlFragment): SqlFragment =>
  sql`(${counter} || '.' || left(md5(${hostColumns}), 10))`;

const VERSION = versionOf(
  sql`coalesce(s.version, 0)`,
  sql`CASE WHEN s.state = 'suspended' THEN '' ELSE jsonb_build_array(u.name, u.username, u.email)::text END`,
);

/** `VERSION` of a row that was just written, where the host's columns are what our row says of them. */
export const WRITTEN_VERSION = versionOf(
  sql`s.version`,
  sql`CASE WHEN s.state = 'suspended' THEN '' ELSE jsonb_build_array(s.host_name, s.host_username, s.host_email)::text END`,
);

/** Memberships as SCIM shows them: those of a suspended person are parked. */
const MEMBERSHIPS = sql`(SELECT group_id, user_id FROM group_user UNION ALL SELECT group_id, user_id FROM scim_parked_members)`;

const GROUPS = sql`(SELECT coalesce(jsonb_agg(jsonb_build_object('value', g.scim_id, 'display', g.name, 'type', 'direct') ORDER BY g.id), '[]')
  FROM ${MEMBERSHIPS} m JOIN groups g ON g.id = m.group_id WHERE m.user_id = u.id AND g.scim_id IS NOT NULL)`;

/** The host's `email_hash`, by which it counts seats; NULL of NULL. */
export const emailHash = (email: SqlFragment): SqlFragment => sql`encode(sha256(convert_to(${email}, 'UTF8')), 'hex')`;

/** What a row of ours takes over from the one that was to be inserted, where there is one already. */
export const OWN_ROW_TAKEN_OVER = sql`scim_id = excluded.scim_id, state = 'active', user_name = excluded.user_name,
  external_id = excluded.external_id, document = excluded.document, host_name = excluded.host_name,
  host_username = excluded.host_username, host_email = excluded.host_email`;

/**
 * One row for each person; `withGroups` is false where nobody will see the groups. `settled` is false where the host's row
 * says something that ours does not know yet.
 */
export const personColumns = (withGroups: boolean): SqlFragment => sql`
  u.id AS "userId", ${SCIM_ID} AS "scimId", ${EXTERNAL_ID} AS "externalId", ${USER_NAME} AS "userName",
  (s.state IS DISTINCT FROM 'suspended') AS active, (s.user_id IS NOT NULL AND ${KEPT}) AS settled, ${DOCUMENT} AS document,
  CASE WHEN s.state = 'suspended' THEN s.host_name ELSE u.name END AS "hostName",
  CASE WHEN s.state = 'suspended' THEN s.host_username ELSE u.username END AS "hostUsername",
  CASE WHEN s.state = 'suspended' THEN s.host_email ELSE u.email END AS "hostEmail",
  ${VERSION} AS version, ${CREATED} AS created, ${LAST_MODIFIED} AS "lastModified",
  ${withGroups ? GROUPS : sql`NULL::jsonb`} AS groups`;

export const ROOT_ROLE_COLUMN = sql`${rootRoleOf(sql`u.id`)} AS "rootRole"`;

/** The one row with that id, by the indexes of both tables. */
export const byScimId = (scimId: string): SqlFragment =>
  sql`u.id IN (SELECT id FROM users WHERE scim_id = ${scimId} UNION ALL SELECT user_id FROM scim_users WHERE scim_id = ${scimId} AND state = 'suspended')`;

const text = (expression: SqlFragment, equals?: (value: string) => SqlFragment) =>
  ({ kind: 'text', expression, ...(equals === undefined ? {} : { equals }) }) as const;

const byUserName = (value: string): SqlFragment => sql`(u.id IN (
  SELECT user_id FROM scim_users WHERE lower(user_name) = lower(${value}) AND state <> 'gone'
  UNION ALL SELECT id FROM users WHERE lower(username) = lower(${value})
  UNION ALL SELECT id FROM users WHERE email = lower(${value}))
  AND lower(${USER_NAME}) = lower(${value}))`;

const byExternalId = (value: string): SqlFragment => sql`(u.id IN (
  SELECT user_id FROM scim_users WHERE external_id = ${value} AND state <> 'gone'
  UNION ALL SELECT id FROM users WHERE scim_external_id = ${value})
  AND ${EXTERNAL_ID} = ${value})`;

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
    sql`EXISTS (SELECT 1 FROM ${MEMBERSHIPS} m JOIN groups g ON g.id = m.group_id WHERE m.user_id = u.id AND g.scim_id IS NOT NULL AND ${condition})`,
};

const HOST_EMAIL = sql`(CASE WHEN s.state = 'suspended' THEN s.host_email ELSE u.email END)`;

/** A person whose address came from the userName alone has it as an e-mail in answers: who searches by e-mail must find them. */
const SHOWN_EMAILS = sql`(CASE WHEN ${DOCUMENT} ? 'emails' OR ${HOST_EMAIL} IS NULL THEN '{}'::jsonb
  ELSE jsonb_build_object('emails', jsonb_build_array(jsonb_build_object('value', ${HOST_EMAIL}, 'type', 'work', 'primary', true))) END)`;

/** As answers show it; `schemas` follows from what a person has. */
const FILTERED_DOCUMENT = sql`(${DOCUMENT} || ${SHOWN_EMAILS} || jsonb_build_object('schemas', CASE WHEN ${DOCUMENT} ? ${ENTERPRISE_URN}::text
  THEN jsonb_build_array(${USER_URN}::text, ${ENTERPRISE_URN}::text) ELSE jsonb_build_array(${USER_URN}::text) END))`;

const byEmail = (value: string): SqlFragment => sql`(u.id IN (
  SELECT user_id FROM scim_users WHERE scim_emails(document) @> ARRAY[lower(${value})]
  UNION ALL SELECT id FROM users WHERE email = lower(${value})
  UNION ALL SELECT user_id FROM scim_users WHERE host_email = lower(${value}) AND state = 'suspended')
  AND EXISTS (SELECT 1 FROM jsonb_array_elements((${DOCUMENT} || ${SHOWN_EMAILS}) -> 'emails') x(e) WHERE lower(x.e ->> 'value') = lower(${value})))`;

/** Where the filters of people find their attributes. */
export const PERSON_FILTER_COLUMNS: FilterColumns = {
  document: FILTERED_DOCUMENT,
  elements: (attribute) => (attribute.name === 'groups' ? GROUPS_OF_PERSON : undefined),
  column: ({ extension, attribute, subAttribute }) => {
    if (extension !== undefined) return undefined;
    switch (subAttribute === undefined ? attribute.name : `${attribute.name}.${subAttribute.name}`) {
      case 'id':
        return text(SCIM_ID, byScimId);
      case 'userName':
        return text(USER_NAME, byUserName);
      case 'externalId':
        return text(EXTERNAL_ID, byExternalId);
      case 'active':
        return { kind: 'boolean', expression: sql`(s.state IS DISTINCT FROM 'suspended')` };
      case 'emails.value':
        return { kind: 'lookup', equals: byEmail };
      case 'meta.created':
        return { kind: 'timestamp', expression: CREATED };
      case 'meta.lastModified':
        return { kind: 'timestamp', expression: LAST_MODIFIED };
      case 'meta.resourceType':
        return text(sql`'User'::text`);
      case 'meta.version':
        return text(sql`('W/"' || ${VERSION} || '"')`);
      default:
        return undefined;
    }
  },
};

/** Conditions from which on the document is made once for each person, not once for each condition; for fewer the making costs more. */
const MANY_TERMS = 6;
const PEOPLE_WITH_DOCUMENT = sql`${PEOPLE} CROSS JOIN LATERAL (SELECT ${FILTERED_DOCUMENT} AS document OFFSET 0) d`;

/** The people of a list, as a part of `ListSource.matching`. */
export const matchingPeople = ({ filter, sort }: ResourceQuery): SqlFragment => {
  const isLong = filter !== undefined && countTerms(filter) >= MANY_TERMS;
  const columns = isLong ? { ...PERSON_FILTER_COLUMNS, document: sql`d.document` } : PERSON_FILTER_COLUMNS;
  return matchingRows({
    from: isLong ? PEOPLE_WITH_DOCUMENT : PEOPLE,
    id: sql`u.id`,
    condition: filter === undefined ? VISIBLE : sql`${VISIBLE} AND ${compileFilter(filter, columns)}`,
    sortKey: sort && compileSortKey(sort.by, columns),
  });
};
