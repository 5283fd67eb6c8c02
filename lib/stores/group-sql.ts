import type { ResourceQuery } from '../protocol/list-query.js';
import { GROUP_URN } from '../protocol/resource-schemas.js';
import { compileFilter, type FilterColumns, type FilterElements } from '../sql/filter-sql.js';
import { compileSortKey } from '../sql/sort-sql.js';
import { type SqlFragment, sql } from '../sql/sql.js';
import { matchingRows } from './page-sql.js';

/** A managed group is a host group with a SCIM id; ours adds the counter of its version, which triggers keep (migrations/004-groups.sql). */
export const GROUPS_FROM = sql`groups g LEFT JOIN scim_groups sg ON sg.group_id = g.id`;

export const MANAGED = sql`g.scim_id IS NOT NULL`;

/** Members as SCIM shows them: live ones of the host's table, suspended ones where they are parked. People whom SCIM does not manage have no place in an answer. */
const MEMBERS = sql`(
  SELECT gu.group_id, s.user_id, s.scim_id, coalesce(s.host_name, s.host_username, s.host_email) AS display
    FROM group_user gu JOIN scim_users s ON s.user_id = gu.user_id WHERE s.state = 'active'
  UNION ALL
  SELECT pm.group_id, s.user_id, s.scim_id, coalesce(s.host_name, s.user_name)
    FROM scim_parked_members pm JOIN scim_users s ON s.user_id = pm.user_id WHERE s.state = 'suspended')`;

/** What stands between the display of a member and the id that ends its $ref, in the lists of members that Postgres writes. */
export const memberReference = (baseUrl: string): string =>
  `,"type":"User","$ref":"${JSON.stringify(`${baseUrl}/Users/`).slice(1, -1)}`;

const VERSION = sql`coalesce(sg.version, 1)::text`;
const CREATED = sql`coalesce(sg.created_at, g.created_at)`;
const LAST_MODIFIED = sql`coalesce(sg.updated_at, g.created_at)`;

/** What an answer shows of a group besides its members. */
export const SHOWN_COLUMNS = sql`g.scim_id AS "scimId", g.scim_external_id AS "externalId", g.name AS "displayName",
  ${VERSION} AS version, ${CREATED} AS created, ${LAST_MODIFIED} AS "lastModified"`;

/** All columns of a `GroupRow` besides the members. */
export const COLUMNS_WITHOUT_MEMBERS = sql`g.id AS "groupId", ${SHOWN_COLUMNS}`;

/**
 * All columns of a `GroupRow`.
 *
 * @param reference - the place of a `memberReference`; undefined: without members, at no cost.
 */
export const groupColumns = (reference: unknown): SqlFragment =>
  sql`${COLUMNS_WITHOUT_MEMBERS}, ${reference === undefined ? sql`NULL::text` : sql`scim_members_of(g.id, ${reference})`} AS members`;

/** The JSON of members as the database gives them, without what stands around them all: of many megabytes each copy is felt there. */
export const membersJson = (members: string): string => (members === '' ? '[]' : `[{"value":"${members}"}]`);

/** Bytes of members in one answer with several groups: those of more than 400,000 people. One group is shown at any length. */
const MOST_MEMBERS = 64 * 1024 * 1024;

/** The members of many groups, an array of host ids, as far as they fit into one answer. */
export const membersWithin = (groupIds: SqlFragment, reference: string): SqlFragment =>
  sql`scim_members_within(${groupIds}::integer[], ${reference}, ${MOST_MEMBERS}::bigint)`;

const text = (expression: SqlFragment, equals?: (value: string) => SqlFragment) =>
  ({ kind: 'text', expression, ...(equals === undefined ? {} : { equals }) }) as const;

const MEMBER_ELEMENTS: FilterElements = {
  column: (subAttribute) => {
    switch (subAttribute.name) {
      case 'value':
        // Entra asks whether one person is in one group: by index, without reading the group.
        return text(sql`m.scim_id`, (value) => sql`m.scim_id = ${value}`);
      case 'display':
        return text(sql`m.display`);
      case 'type':
        return text(sql`'User'::text`);
      default:
        return undefined;
    }
  },
  // OFFSET 0: group by group, of which there are few, and never all members at once.
  exists: (condition) => sql`EXISTS (SELECT 1 FROM ${MEMBERS} m WHERE m.group_id = g.id AND ${condition} OFFSET 0)`,
};

/** Where the filters of groups find their attributes. */
export const GROUP_FILTER_COLUMNS: FilterColumns = {
  document: sql`jsonb_build_object('schemas', jsonb_build_array(${GROUP_URN}::text))`,
  elements: (attribute) => (attribute.name === 'members' ? MEMBER_ELEMENTS : undefined),
  column: ({ attribute, subAttribute }) => {
    switch (subAttribute === undefined ? attribute.name : `${attribute.name}.${subAttribute.name}`) {
      case 'id':
        return text(sql`g.scim_id`, (value) => sql`g.scim_id = ${value}`);
      case 'displayName':
        return text(sql`g.name`, (value) => sql`lower(g.name) = lower(${value})`);
      case 'externalId':
        return text(sql`g.scim_external_id`, (value) => sql`g.scim_external_id = ${value}`);
      case 'meta.created':
        return { kind: 'timestamp', expression: CREATED };
      case 'meta.lastModified':
        return { kind: 'timestamp', expression: LAST_MODIFIED };
      case 'meta.resourceType':
        return text(sql`'Group'::text`);
      case 'meta.version':
        return text(sql`('W/"' || ${VERSION} || '"')`);
      default:
        return undefined;
    }
  },
};

/** The groups of a list, as a part of `ListSource.matching`; `idOffset` keeps their ids apart from those of another table. */
export const matchingGroups = ({ filter, sort }: ResourceQuery, idOffset = 0): SqlFragment =>
  matchingRows({
    from: GROUPS_FROM,
    id: idOffset === 0 ? sql`g.id` : sql`g.id + ${idOffset}::bigint`,
    condition: filter === undefined ? MANAGED : sql`${MANAGED} AND ${compileFilter(filter, GROUP_FILTER_COLUMNS)}`,
    sortKey: sort && compileSortKey(sort.by, GROUP_FILTER_COLUMNS),
  });
