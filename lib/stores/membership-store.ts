import { type SqlFragment, sql } from '../sql/sql.js';
import { groupCarriesAdmin, IS_LIVE_PERSON } from './admin-sql.js';
import type { Transaction } from './database.js';
import { type Audit, insertEvents } from './event-sql.js';

/** What became of a change to the members of a group. */
export interface MembershipResult {
  /** Ids that no managed person has. Where there is one, nothing else of the result counts: the caller refuses. */
  readonly unknown: readonly string[];
  /** Memberships that are not as before, parked ones included. */
  readonly changed: number;
  /** Whether a live member was taken out of a group that gives the ADMIN permission. */
  readonly heldAdmin: boolean;
}

/** Ids of members to add and to take out. `exact`: whoever is not added goes, people without a SCIM id included. */
export interface MembershipChange {
  readonly exact: boolean;
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

const resolved = (ids: SqlFragment): SqlFragment => sql`
  SELECT u.id AS user_id, w.scim_id, TRUE AS live FROM ${ids} w JOIN users u ON u.scim_id = w.scim_id
    WHERE ${IS_LIVE_PERSON}
  UNION ALL
  SELECT s.user_id, w.scim_id, FALSE FROM ${ids} w JOIN scim_users s ON s.scim_id = w.scim_id WHERE s.state = 'suspended'`;

/** Members of a group, changed as sets: nothing reads the whole group to change one member, and no statement is sent twice for two. */
export class MembershipStore {
  /**
   * Applies a change to a locked group. Suspended people are moved among the parked rows, which the host's log does not hear of.
   *
   * @param protectedNames usernames and e-mails, lower-case, of host users who are never taken out.
   */
  async change(
    transaction: Transaction,
    groupId: number,
    change: MembershipChange,
    protectedNames: readonly string[],
    audit: Audit,
  ): Promise<MembershipResult> {
    const { exact, add, remove } = change;
    // Waits for a suspension or resumption that is under way, and makes one wait that would begin: the next statement sees who
    // is live, and nobody is parked into the group behind its back.
    const touched = [...add, ...remove];
    await transaction.query(sql`
      SELECT id FROM users WHERE id IN (
        SELECT id FROM users WHERE scim_id = ANY(${touched}::text[])
        UNION ALL SELECT user_id FROM scim_users WHERE scim_id = ANY(${touched}::text[])
        UNION ALL SELECT user_id FROM group_user WHERE ${exact} AND group_id = ${groupId}
        UNION ALL SELECT user_id FROM scim_parked_members WHERE ${exact} AND group_id = ${groupId})
      ORDER BY id FOR KEY SHARE`);
    const payload = sql`jsonb_build_object('groupId', ${groupId}::integer, 'userId', x.user_id)`;
    const goes = (userId: SqlFragment): SqlFragment =>
      exact
        ? sql`NOT EXISTS (SELECT 1 FROM found f WHERE f.user_id = ${userId})`
        : sql`${userId} IN (SELECT user_id FROM leaving)`;
    const rows = await transaction.query<MembershipResult>(sql`
      WITH wanted AS (SELECT DISTINCT scim_id FROM unnest(${add}::text[]) AS t(scim_id)),
      unwanted AS (SELECT DISTINCT scim_id FROM unnest(${remove}::text[]) AS t(scim_id)),
      found AS (${resolved(sql`wanted`)}),
      leaving AS (${resolved(sql`unwanted`)}),
      removed AS (
        DELETE FROM group_user gu USING users u WHERE gu.group_id = ${groupId} AND u.id = gu.user_id AND ${goes(sql`gu.user_id`)}
          AND NOT (u.scim_id IS NULL AND (lower(u.username) = ANY(${protectedNames}::text[]) OR u.email = ANY(${protectedNames}::text[])) IS TRUE)
        RETURNING gu.user_id),
      unparked AS (
        DELETE FROM scim_parked_members pm WHERE pm.group_id = ${groupId} AND ${goes(sql`pm.user_id`)} RETURNING pm.user_id),
      added AS (
        INSERT INTO group_user (group_id, user_id, created_by) SELECT ${groupId}, user_id, ${audit.createdBy} FROM found WHERE live
        ON CONFLICT DO NOTHING RETURNING user_id),
      parked AS (
        INSERT INTO scim_parked_members (group_id, user_id, created_by) SELECT ${groupId}, user_id, ${audit.createdBy} FROM found WHERE NOT live
        ON CONFLICT DO NOTHING RETURNING user_id),
      told_added AS (${insertEvents('group-user-added', audit, { data: payload }, sql`FROM added x ORDER BY x.user_id`)}),
      told_removed AS (${insertEvents('group-user-removed', audit, { preData: payload }, sql`FROM removed x ORDER BY x.user_id`)}),
      counted AS (
        SELECT ((SELECT count(*) FROM added) + (SELECT count(*) FROM removed) + (SELECT count(*) FROM parked) + (SELECT count(*) FROM unparked))::integer AS changed),
      versioned AS (
        INSERT INTO scim_groups (group_id, version, created_at) SELECT g.id, 2, g.created_at FROM groups g, counted
        WHERE g.id = ${groupId} AND counted.changed > 0
        ON CONFLICT (group_id) DO UPDATE SET version = scim_groups.version + 1, updated_at = now())
      SELECT changed, (SELECT coalesce(jsonb_agg(w.scim_id), '[]') FROM wanted w WHERE NOT EXISTS (SELECT 1 FROM found f WHERE f.scim_id = w.scim_id)) AS unknown,
        EXISTS (SELECT 1 FROM removed r JOIN users u ON u.id = r.user_id WHERE ${IS_LIVE_PERSON}) AND ${groupCarriesAdmin(sql`${groupId}::integer`)} AS "heldAdmin"
      FROM counted`);
    return rows[0] ?? { unknown: [], changed: 0, heldAdmin: false };
  }
}
