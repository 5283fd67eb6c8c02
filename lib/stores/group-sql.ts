import type { ResourceQuery } from '../protocol/list-query.js';
import { GROUP_URN } from '../protocol/resource-schemas.js';
import { compileFilter, type FilterColumns, type FilterElements } from '../sql/filter-sql.js';
import { compileSortKey } from '../sql/sort-sql.js';
import { type SqlFragment, sql } from '../sql/sql.js';
import { matchingRows } from './page-sql.js';

/** A managed group is a host group with a SCIM id; ours adds the counter of its version. */
export const GROUPS_FROM = sql`groups g LEFT JOIN scim_groups sg ON sg.group_id = g.id`;

export const MANAGED = sql`g.scim_id IS NOT NULL`;

/** Members as SCIM shows them: live ones of the host's table, suspended ones where they are parked. People without a SCIM id have no place in an answer. */
const MEMBERS = sql`(
  SELECT gu.group_id, u.id AS user_id, u.scim_id, coalesce(u.name, u.username, u.email) AS display
    FROM group_user gu JOIN users u ON u.id = gu.user_id WHERE u.scim_id IS NOT NULL AND u.deleted_at IS NULL
  UNION ALL
  SELECT pm.group_id, s.user_id, s.scim_id, coalesce(s.host_name, s.user_name)
    FROM scim_parked_members pm JOIN scim_users s ON s.user_id = pm.user_id WHERE s.state = 'suspended')`;

const MEMBER_LIST = sql`(SELECT coalesce(jsonb_agg(jsonb_build_object('value', m.scim_id, 'display', m.display, 'type', 'User') ORDER BY m.user_id), '[]')
  FROM ${MEMBERS} m WHERE m.group_id = g.id)`;

/** The host's pages take people out of groups when they remove them, so who is in it is part of the version. */
const MEMBER_SUM = sql`(SELECT count(*) || '-' || coalesce(sum(hashint4extended(m.user_id, 0)), 0) FROM (
  SELECT user_id FROM group_user WHERE group_id = g.id UNION ALL SELECT user_id FROM scim_parked_members WHERE group_id = g.id) m)`;

const VERSION = sql`(coalesce(sg.version, 0) || '.' || left(md5(g.name || '/' || ${MEMBER_SUM}), 10))`;
const CREATED = sql`coalesce(sg.created_at, g.created_at)`;
const LAST_MODIFIED = sql`coalesce(sg.updated_at, g.created_at)`;

export const groupColumns = (withMembers: boolean): SqlFragment => sql`
  g.id AS "groupId", g.scim_id AS "scimId", g.scim_external_id AS "externalId", g.name AS "displayName", ${VERSION} AS version,
  ${CREATED} AS created, ${LAST_MODIFIED} AS "lastModified", ${withMembers ? MEMBER_LIST : sql`NULL::jsonb`} AS members`;

const text = (expression: SqlFragment, equals?: (value: string) => SqlFragment) =>
  ({ kind: 'text', expression, ...(equals === undefined ? {} : { equals }) }) as const;

const MEMBER_ELEMENTS: FilterElements = {
  column: (subAttribute) => {
    switch (subAttribute.name) {
      case 'value':
        // Entra asks whether one person is in one group: by index, without reading the group.
        return text(
          sql`m.scim_id`,
          (value) =>
            sql`m.user_id IN (SELECT id FROM users WHERE scim_id = ${value} UNION ALL SELECT user_id FROM scim_users WHERE scim_id = ${value} AND state = 'suspended')`,
        );
      case 'display':
        return text(sql`m.display`);
      case 'type':
        return text(sql`'User'::text`);
      default:
        return undefined;
    }
  },
  exists: (condition) => sql`EXISTS (SELECT 1 FROM ${MEMBERS} m WHERE m.group_id = g.id AND ${condition})`,
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
