import { type SqlFragment, sql } from '../sql/sql.js';
import { ADMINS, carriesAdmin, groupCarriesAdmin } from './admin-sql.js';
import type { Queryable, Transaction } from './database.js';
import { type Audit, insertEvents, leaverPayload, userPayload } from './event-sql.js';
import { emailHash } from './person-sql.js';
import type { PersonState } from './person-state.js';
import type { LockedPerson } from './person-store.js';
import { ROOT_TYPES, rootRoleOf, rootRoleToGive } from './role-sql.js';

/**
 * Everything that lets somebody in: browser sessions, personal access tokens, reset links and the link to an invite.
 * API tokens belong to the instance, not to the person, and stay.
 */
const credentialsOf = (ids: SqlFragment): SqlFragment => sql`
  pats AS (DELETE FROM personal_access_tokens WHERE user_id = ANY(${ids})),
  resets AS (DELETE FROM reset_tokens WHERE user_id = ANY(${ids})),
  invites AS (DELETE FROM public_signup_tokens_user WHERE user_id = ANY(${ids})),
  sessions AS (DELETE FROM unleash_session WHERE sess -> 'user' ->> 'id' = ANY((${ids})::text[]))`;

/** The host keeps rights in projects that it has deleted; root roles stand under the project `default`. */
const projectExists = sql`(t.project = 'default' OR EXISTS (SELECT 1 FROM projects p WHERE p.id = t.project))`;

/** The groups that show a member less have another version. In the order of their ids, as all who write several of these rows. */
const smaller = (groupIds: SqlFragment): SqlFragment => sql`
  due AS MATERIALIZED (SELECT group_id FROM scim_groups WHERE group_id IN (${groupIds}) ORDER BY group_id FOR NO KEY UPDATE),
  smaller AS (UPDATE scim_groups SET version = version + 1, updated_at = now() WHERE group_id IN (SELECT group_id FROM due))`;

/** How people leave and come back (design: the rows of the behaviour table on suspension, resumption and deletion). */
export class LifecycleStore {
  /**
   * Soft-deletes host users as the host does (a name of 255 characters is cut for the host's suffix), in one statement: no session, token, role or membership is left.
   * Who is `suspended` has roles and memberships parked for the way back; who is `gone` has not, and we keep the names that a
   * login could come by, nothing else.
   * The rows must be locked, live, and have a row of ours.
   *
   * @returns whether somebody among them held the ADMIN permission.
   */
  async softDelete(
    transaction: Transaction,
    userIds: readonly number[],
    state: 'suspended' | 'gone',
    audit: Audit,
  ): Promise<boolean> {
    const ids = sql`${userIds}::integer[]`;
    const parked = state === 'suspended' ? sql`TRUE` : sql`FALSE`;
    if (state === 'suspended')
      await this.#holdGroups(transaction, sql`SELECT group_id FROM group_user WHERE user_id = ANY(${ids})`);
    const before = userPayload({
      id: sql`old.id`,
      name: sql`old.name`,
      username: sql`old.username`,
      email: sql`old.email`,
      rootRole: sql`old.root_role`,
    });
    const rows = await transaction.query<{ heldAdmin: boolean }>(sql`
      WITH old AS (
        SELECT u.id, u.name, u.username, u.email, ${rootRoleOf(sql`u.id`)} AS root_role
        FROM users u WHERE u.id = ANY(${ids}) AND u.deleted_at IS NULL),
      ended AS (
        UPDATE users SET deleted_at = now(), email = NULL, username = NULL, scim_id = NULL, scim_external_id = NULL,
          name = left(coalesce(name, ''), 246) || '(Deleted)' WHERE id IN (SELECT id FROM old)),
      own AS (
        UPDATE scim_users s SET state = ${state}::text, version = version + 1, updated_at = now(),
          document = CASE WHEN ${parked} THEN s.document ELSE '{}' END,
          external_id = CASE WHEN ${parked} THEN s.external_id END,
          host_name = old.name, host_username = old.username, host_email = old.email
        FROM old WHERE s.user_id = old.id),
      roles_taken AS (DELETE FROM role_user WHERE user_id IN (SELECT id FROM old) RETURNING *),
      roles_parked AS (
        INSERT INTO scim_parked_roles (user_id, role_id, project, created_at, created_by_user_id)
        SELECT user_id, role_id, project, created_at, created_by_user_id FROM roles_taken t WHERE ${parked} AND ${projectExists} ON CONFLICT DO NOTHING),
      members_taken AS (DELETE FROM group_user WHERE user_id IN (SELECT id FROM old) RETURNING *),
      members_parked AS (
        INSERT INTO scim_parked_members (group_id, user_id, created_by, created_at)
        SELECT group_id, user_id, created_by, created_at FROM members_taken WHERE ${parked} ON CONFLICT DO NOTHING),
      ${smaller(sql`SELECT group_id FROM members_taken WHERE NOT ${parked}`)},
      ${credentialsOf(ids)},
      told AS (${insertEvents('user-deleted', audit, { preData: leaverPayload(before, sql`old.id`) }, sql`FROM old ORDER BY old.id`)})
      SELECT EXISTS (SELECT 1 FROM roles_taken t WHERE ${carriesAdmin(sql`t.role_id`)})
        OR EXISTS (SELECT 1 FROM members_taken t WHERE ${groupCarriesAdmin(sql`t.group_id`)}) AS "heldAdmin"`);
    return rows[0]?.heldAdmin ?? false;
  }

  /** Ends people who were suspended: nothing is parked for them any more, and SCIM knows them no longer. */
  async endSuspended(transaction: Transaction, userIds: readonly number[], audit: Audit): Promise<void> {
    const ids = sql`${userIds}::integer[]`;
    const payload = userPayload({
      id: sql`own.user_id`,
      name: sql`own.host_name`,
      username: sql`own.host_username`,
      email: sql`own.host_email`,
      rootRole: sql`NULL::integer`,
    });
    await transaction.query(sql`
      WITH own AS (
        UPDATE scim_users s SET state = 'gone', version = version + 1, updated_at = now(), document = '{}', external_id = NULL
        WHERE user_id = ANY(${ids}) AND state = 'suspended' RETURNING user_id, host_name, host_username, host_email),
      r AS (DELETE FROM scim_parked_roles WHERE user_id IN (SELECT user_id FROM own)),
      m AS (DELETE FROM scim_parked_members WHERE user_id IN (SELECT user_id FROM own) RETURNING group_id),
      ${smaller(sql`SELECT group_id FROM m`)},
      ${credentialsOf(ids)}
      ${insertEvents('user-deleted', audit, { preData: leaverPayload(payload, sql`own.user_id`) }, sql`FROM own`)}`);
  }

  /**
   * Brings a suspended person back: the same host user with the names of `state`, the parked roles and memberships as far as
   * roles, projects and groups still exist, and a root role in any case. What could let an old session or link live is purged again.
   */
  async resume(
    transaction: Transaction,
    person: LockedPerson,
    state: PersonState,
    defaultRole: string,
    audit: Audit,
  ): Promise<void> {
    const userId = sql`${person.userId}::integer`;
    await this.#holdGroups(transaction, sql`SELECT group_id FROM scim_parked_members WHERE user_id = ${userId}`);
    const ids = sql`ARRAY[${userId}]`;
    const payload = userPayload({
      id: sql`back.id`,
      name: sql`back.name`,
      username: sql`back.username`,
      email: sql`back.email`,
      rootRole: sql`coalesce((SELECT role_id FROM root_role), (SELECT role_id FROM default_role))`,
    });
    await transaction.query(sql`
      WITH back AS (
        UPDATE users SET deleted_at = NULL, name = ${state.hostName}, username = ${state.hostUsername}, email = ${state.hostEmail},
          scim_id = ${person.scimId}, scim_external_id = ${state.externalId},
          email_hash = ${emailHash(sql`${state.hostEmail}::text`)}
        WHERE id = ${userId} RETURNING id, name, username, email),
      own AS (UPDATE scim_users SET state = 'active', version = version + 1, updated_at = now() WHERE user_id = ${userId}),
      taken AS (DELETE FROM scim_parked_roles WHERE user_id = ${userId} RETURNING *),
      restored AS (
        INSERT INTO role_user (role_id, user_id, project, created_at, created_by_user_id)
        SELECT t.role_id, t.user_id, t.project, t.created_at, t.created_by_user_id FROM taken t WHERE ${projectExists}
        ON CONFLICT DO NOTHING RETURNING role_id),
      root_role AS (SELECT r.id AS role_id FROM taken t JOIN roles r ON r.id = t.role_id WHERE r.type IN ${ROOT_TYPES} LIMIT 1),
      default_role AS (
        INSERT INTO role_user (role_id, user_id, project)
        SELECT ${rootRoleToGive(defaultRole)}, ${userId}, 'default'
        WHERE NOT EXISTS (SELECT 1 FROM root_role) RETURNING role_id),
      parked AS (DELETE FROM scim_parked_members WHERE user_id = ${userId} RETURNING *),
      members AS (
        INSERT INTO group_user (group_id, user_id, created_by, created_at)
        SELECT group_id, user_id, created_by, created_at FROM parked ON CONFLICT DO NOTHING),
      ${credentialsOf(ids)}
      ${insertEvents('user-created', audit, { data: payload }, sql`FROM back`)}`);
  }

  /** Whoever deletes one of the groups waits for us, or we for them, before either touches a member. */
  async #holdGroups(transaction: Transaction, groupIds: SqlFragment): Promise<void> {
    await transaction.query(sql`SELECT FROM groups WHERE id = ANY(ARRAY(${groupIds})) ORDER BY id FOR KEY SHARE`);
  }

  /** Whether anybody holds the ADMIN permission: directly, by a custom role, or through a group. Service accounts do not count. */
  async someoneIsAdmin(queryable: Queryable): Promise<boolean> {
    const rows = await queryable.query<{ present: boolean }>(sql`SELECT EXISTS ${ADMINS} AS present`);
    return rows[0]?.present ?? false;
  }

  /**
   * Whether a login by this e-mail or username would bring back somebody whom SCIM suspended or deleted, or an administrator removed.
   * A live host user of that name is there by right. The event log knows the last e-mail of who was removed in the host's pages.
   */
  async hasLeft(queryable: Queryable, names: readonly string[]): Promise<boolean> {
    const rows = await queryable.query<{ left: boolean }>(sql`
      WITH wanted AS (SELECT lower(name) AS name FROM unnest(${names}::text[]) AS t(name)),
      left_rows AS (
        SELECT s.user_id, s.user_name, s.host_email, s.host_username, s.other_emails || s.former_emails AS emails FROM scim_users s JOIN users u ON u.id = s.user_id
        WHERE s.state <> 'active' OR u.deleted_at IS NOT NULL)
      SELECT CASE
        WHEN EXISTS (SELECT 1 FROM users u JOIN wanted w ON u.email = w.name OR lower(u.username) = w.name WHERE u.deleted_at IS NULL) THEN FALSE
        ELSE EXISTS (SELECT 1 FROM left_rows l JOIN wanted w
            ON w.name IN (lower(l.user_name), l.host_email, lower(l.host_username)) OR w.name = ANY (l.emails))
          OR EXISTS (SELECT 1 FROM events e JOIN wanted w ON w.name IN (lower(e.pre_data ->> 'email'), lower(e.pre_data ->> 'username'))
            JOIN left_rows l ON l.user_id::text = e.pre_data ->> 'id' WHERE e.type = 'user-deleted')
        END AS left`);
    return rows[0]?.left ?? false;
  }
}
