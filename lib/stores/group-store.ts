import type { ResourceQuery } from '../protocol/list-query.js';
import { compileFilter, isLookup } from '../sql/filter-sql.js';
import { type SqlFragment, sql, statement } from '../sql/sql.js';
import { groupCarriesAdmin, IS_LIVE_PERSON } from './admin-sql.js';
import { type Access, type Database, LostRace, type Transaction } from './database.js';
import { type Audit, insertEvents } from './event-sql.js';
import {
  COLUMNS_WITHOUT_MEMBERS,
  GROUP_FILTER_COLUMNS,
  GROUPS_FROM,
  groupColumns,
  MANAGED,
  matchingGroups,
  membersWithin,
  SHOWN_COLUMNS,
} from './group-sql.js';
import { type ListSource, type Page, type PageRequest, readFoundPage, readPage, readShortPage } from './page-sql.js';

export interface GroupRow {
  readonly groupId: number;
  readonly scimId: string;
  readonly externalId: string | null;
  readonly displayName: string;
  readonly version: string;
  readonly created: Date;
  readonly lastModified: Date;
  /** Complete with references, see `membersJson`; null where they were not asked for. */
  readonly members: string | null;
}

/** What an answer needs of a group; a list without members leaves them out. */
export type ShownGroup = Omit<GroupRow, 'groupId' | 'members'> & { readonly members?: string | null };

/** A host group that has the name or the externalId that a group is to get. */
export interface GroupClaim {
  readonly groupId: number;
  readonly name: string;
  readonly scimId: string | null;
  readonly externalId: string | null;
  readonly sameName: boolean;
}

export interface GroupNames {
  readonly displayName: string;
  readonly externalId: string | null;
}

/** The host's payload of group events, without the member list: each membership has an event of its own. */
const payload = (id: SqlFragment): SqlFragment => sql`scim_group_payload(${id})`;

const newPayload = (id: SqlFragment, names: GroupNames, scimId: string): SqlFragment =>
  sql`jsonb_build_object('id', ${id}, 'name', ${names.displayName}::text, 'description', ''::text, 'mappingsSSO', '[]'::jsonb,
    'scimId', ${scimId}::text, 'users', '[]'::jsonb)`;

const WITHOUT_MEMBERS = statement<[scimId: string]>(
  (scimId) => sql`SELECT ${groupColumns(undefined)} FROM ${GROUPS_FROM} WHERE g.scim_id = ${scimId}`,
);
const WITH_MEMBERS = statement<[scimId: string, reference: string]>(
  (scimId, reference) => sql`SELECT ${groupColumns(reference)} FROM ${GROUPS_FROM} WHERE g.scim_id = ${scimId}`,
);

/** @param reference - a `memberReference`; undefined: without members. */
const one = (scimId: string, reference: string | undefined): SqlFragment =>
  reference === undefined ? WITHOUT_MEMBERS(scimId) : WITH_MEMBERS(scimId, reference);

export class GroupStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async read(scimId: string, reference: string | undefined, access: Access): Promise<GroupRow | undefined> {
    const rows = await this.#database.query<GroupRow>(one(scimId, reference), access);
    return rows[0];
  }

  async readWithin(transaction: Transaction, scimId: string, reference: string | undefined): Promise<GroupRow | undefined> {
    const rows = await transaction.query<GroupRow>(one(scimId, reference));
    return rows[0];
  }

  /**
   * Locks the group: its changes are one after the other. The lock lets foreign keys point at the group, so that whoever parks a
   * member meanwhile does not deadlock with it. The version is read only where a precondition asks for it.
   */
  async readForUpdate(transaction: Transaction, scimId: string, withVersion: boolean): Promise<GroupRow | undefined> {
    const locked = await transaction.query<GroupRow>(sql`
      SELECT g.id AS "groupId", g.scim_id AS "scimId", g.scim_external_id AS "externalId", g.name AS "displayName", '' AS version,
        g.created_at AS created, g.created_at AS "lastModified", NULL::text AS members
      FROM groups g WHERE g.scim_id = ${scimId} FOR NO KEY UPDATE`);
    return withVersion && locked[0] !== undefined ? this.readWithin(transaction, scimId, undefined) : locked[0];
  }

  async list(query: ResourceQuery, page: PageRequest, reference: string | undefined, access: Access): Promise<Page<ShownGroup>> {
    const { filter, sort } = query;
    const long =
      reference === undefined ? undefined : { name: sql`members`, call: (ids: SqlFragment) => membersWithin(ids, reference) };
    if (filter === undefined && sort === undefined) {
      const all = { from: GROUPS_FROM, id: sql`g.id`, condition: MANAGED, columns: SHOWN_COLUMNS, long };
      return readShortPage(this.#database, all, page, access);
    }
    const read = { from: GROUPS_FROM, id: sql`g.id`, columns: SHOWN_COLUMNS };
    if (filter !== undefined && page.kind === 'index' && isLookup(filter, GROUP_FILTER_COLUMNS)) {
      const condition = sql`${MANAGED} AND ${compileFilter(filter, GROUP_FILTER_COLUMNS)}`;
      const found = await readFoundPage<ShownGroup>(this.#database, { ...read, condition, long }, page, access);
      if (found !== undefined && (sort === undefined || found.total === 1)) return found;
    }
    const source: ListSource = {
      matching: matchingGroups(query),
      read,
      long,
      isSorted: sort !== undefined,
      descending: sort?.descending ?? false,
    };
    return readPage(this.#database, source, page, access);
  }

  /** The rows with these host ids; with members from the first as far as they fit into one answer, and the id that does not. */
  async readMany(
    ids: readonly number[],
    reference: string | undefined,
  ): Promise<{ readonly rows: readonly GroupRow[]; readonly cutAt: number | undefined }> {
    const members =
      reference === undefined ? sql`unnest(${ids}::integer[], ARRAY[]::text[])` : membersWithin(sql`${ids}`, reference);
    const read = await this.#database.query<GroupRow | { readonly groupId: null }>(
      sql`SELECT one.*, long.members FROM ${members} long (id, members) LEFT JOIN LATERAL (
        SELECT ${COLUMNS_WITHOUT_MEMBERS} FROM ${GROUPS_FROM} WHERE g.id = long.id AND ${MANAGED} OFFSET 0) one ON TRUE`,
    );
    return { rows: read.filter((row) => row.groupId !== null), cutAt: ids[read.length] };
  }

  /** Waits for any other change to a group of that name: the host has no unique index to lean on. */
  async lockName(transaction: Transaction, displayName: string): Promise<void> {
    await transaction.query(sql`SELECT pg_advisory_xact_lock(hashtextextended('scim group ' || lower(${displayName}::text), 0))`);
  }

  async findClaims(transaction: Transaction, names: GroupNames): Promise<readonly GroupClaim[]> {
    return transaction.query<GroupClaim>(sql`
      SELECT g.id AS "groupId", g.name, g.scim_id AS "scimId", g.scim_external_id AS "externalId", lower(g.name) = lower(${names.displayName}) AS "sameName"
      FROM groups g WHERE lower(g.name) = lower(${names.displayName}) OR g.scim_external_id = ${names.externalId}::text
      ORDER BY g.id`);
  }

  /** @throws {LostRace} where the host has changed or deleted the group since it was found to be nobody's. */
  async lockUnmanaged(transaction: Transaction, { groupId, name }: GroupClaim): Promise<void> {
    const rows = await transaction.query(
      sql`SELECT g.id FROM groups g WHERE g.id = ${groupId} AND g.name = ${name} AND g.scim_id IS NULL FOR NO KEY UPDATE`,
    );
    if (rows.length === 0) throw new LostRace('the group to adopt has changed');
  }

  async create(transaction: Transaction, scimId: string, names: GroupNames, audit: Audit): Promise<number> {
    const rows = await transaction.query<{ id: number }>(sql`
      WITH g AS (
        INSERT INTO groups (name, description, mappings_sso, created_by, scim_id, scim_external_id)
        VALUES (${names.displayName}, '', '[]', ${audit.createdBy}, ${scimId}, ${names.externalId}) RETURNING id),
      sg AS (INSERT INTO scim_groups (group_id) SELECT id FROM g),
      e AS (${insertEvents('group-created', audit, { data: newPayload(sql`g.id`, names, scimId) }, sql`FROM g`)})
      SELECT id FROM g`);
    const id = rows[0]?.id;
    if (id === undefined) throw new Error('PostgreSQL returned no id for a new group');
    return id;
  }

  /** Takes over a host group nobody managed: its roles and description stay. */
  async adopt(transaction: Transaction, groupId: number, scimId: string, names: GroupNames, audit: Audit): Promise<void> {
    await transaction.query(sql`
      WITH g AS (
        UPDATE groups SET scim_id = ${scimId}, scim_external_id = ${names.externalId}, name = ${names.displayName} WHERE id = ${groupId} RETURNING id),
      sg AS (
        INSERT INTO scim_groups (group_id) SELECT id FROM g
        ON CONFLICT (group_id) DO UPDATE SET version = scim_groups.version + 1, updated_at = now())
      ${insertEvents(
        'group-updated',
        audit,
        {
          data: sql`${payload(sql`g.id`)} || jsonb_build_object('name', ${names.displayName}::text, 'scimId', ${scimId}::text, 'adoptedByScim', true)`,
          preData: payload(sql`g.id`),
        },
        sql`FROM g`,
      )}`);
  }

  async rename(transaction: Transaction, group: GroupRow, names: GroupNames, audit: Audit): Promise<void> {
    await transaction.query(sql`
      WITH g AS (
        UPDATE groups SET name = ${names.displayName}, scim_external_id = ${names.externalId} WHERE id = ${group.groupId} RETURNING id),
      sg AS (
        INSERT INTO scim_groups (group_id, version, created_at) SELECT id, 2, ${group.created}::timestamptz FROM g
        ON CONFLICT (group_id) DO UPDATE SET version = scim_groups.version + 1, updated_at = now())
      ${insertEvents(
        'group-updated',
        audit,
        {
          data: sql`${payload(sql`g.id`)} || jsonb_build_object('name', ${names.displayName}::text, 'scimExternalId', ${names.externalId}::text)`,
          preData: sql`${payload(sql`g.id`)} || jsonb_build_object('scimExternalId', ${group.externalId}::text)`,
        },
        sql`FROM g`,
      )}`);
  }

  /**
   * Deletes groups; the host's foreign keys take memberships and role assignments along. The event names who lost access by it.
   *
   * @returns whether one of them gave somebody the ADMIN permission.
   */
  async delete(transaction: Transaction, groupIds: readonly number[], audit: Audit): Promise<boolean> {
    const rows = await transaction.query<{ heldAdmin: boolean }>(sql`
      WITH old AS (
        SELECT g.id, ${payload(sql`g.id`)} || jsonb_build_object('users',
          (SELECT coalesce(jsonb_agg(gu.user_id ORDER BY gu.user_id), '[]') FROM group_user gu WHERE gu.group_id = g.id)) AS data,
          EXISTS (SELECT 1 FROM group_user gu JOIN users u ON u.id = gu.user_id WHERE gu.group_id = g.id AND ${IS_LIVE_PERSON}) AND ${groupCarriesAdmin(sql`g.id`)} AS held_admin
        FROM groups g WHERE g.id = ANY(${groupIds}::integer[])),
      gone AS (DELETE FROM groups WHERE id IN (SELECT id FROM old)),
      e AS (${insertEvents('group-deleted', audit, { preData: sql`old.data` }, sql`FROM old`)})
      SELECT coalesce(bool_or(held_admin), FALSE) AS "heldAdmin" FROM old`);
    return rows[0]?.heldAdmin ?? false;
  }

  /** The host ids of all managed groups, locked against changes, or against people who are parked in them as well. */
  async lockManaged(transaction: Transaction, against: 'changes' | 'all'): Promise<readonly number[]> {
    const strength = against === 'all' ? sql`FOR UPDATE` : sql`FOR NO KEY UPDATE`;
    const rows = await transaction.query<{ id: number }>(
      sql`SELECT g.id FROM groups g WHERE ${MANAGED} ORDER BY g.id ${strength}`,
    );
    return rows.map((row) => row.id);
  }
}
