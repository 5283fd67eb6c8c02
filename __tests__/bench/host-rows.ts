/**
 * One statement a change that writes the rows of the host which Unleash itself would write, and nothing else: no check, no row
 * of ours, nothing to restore. No provisioning of this host can write less, in whatever language. Parameters are cast where
 * Postgres cannot tell their type.
 */
const PAYLOAD = `jsonb_build_object('id', id, 'name', name, 'username', username, 'email', email)`;
const PAIR_PAYLOAD = `jsonb_build_object('groupId', group_id, 'userId', user_id)`;
const logged = (type: string, column: 'data' | 'pre_data', from: string, payload = PAYLOAD): string =>
  `logged AS (INSERT INTO events (type, created_by, created_by_user_id, ip, ${column})
    SELECT '${type}', 'SCIM token #1', -1, '127.0.0.1', ${payload} FROM ${from})`;
const PAIR = `found AS (SELECT g.id AS group_id, u.id AS user_id FROM groups g, users u WHERE g.scim_id = $1 AND u.scim_id = $2)`;
/** Of everything that is deleted when somebody leaves. */
const OF_OLD = 'user_id IN (SELECT id FROM old)';

export const HOST_STATEMENTS = {
  createGroup: `INSERT INTO groups (name, scim_id) VALUES ('Host', $1)`,
  add: `WITH ${PAIR},
    moved AS (INSERT INTO group_user (group_id, user_id, created_by) SELECT group_id, user_id, 'SCIM token #1' FROM found RETURNING group_id, user_id),
    ${logged('group-user-added', 'data', 'moved', PAIR_PAYLOAD)}
    SELECT group_id FROM found`,
  remove: `WITH ${PAIR},
    moved AS (DELETE FROM group_user m USING found WHERE m.group_id = found.group_id AND m.user_id = found.user_id RETURNING m.group_id, m.user_id),
    ${logged('group-user-removed', 'pre_data', 'moved', PAIR_PAYLOAD)}
    SELECT group_id FROM found`,
  get: `SELECT id, name, username, email, scim_id, scim_external_id, created_at FROM users WHERE scim_id = $1 AND deleted_at IS NULL`,
  create: `WITH created AS (
      INSERT INTO users (scim_id, scim_external_id, email, email_hash, name, created_at)
      VALUES ($1, $2, $3::text, encode(sha256(convert_to($3::text, 'UTF8')), 'hex'), $4, now()) RETURNING id, name, username, email),
    given AS (INSERT INTO role_user (role_id, user_id, project)
      SELECT r.id, created.id, 'default' FROM created, roles r WHERE r.type = 'root' AND r.name = 'Viewer'),
    ${logged('user-created', 'data', 'created')}
    SELECT id FROM created`,
  replace: `WITH old AS (SELECT id FROM users WHERE scim_id = $1),
    changed AS (UPDATE users u SET scim_external_id = $2, email = $3, name = $4 FROM old WHERE u.id = old.id
      RETURNING u.id, u.name, u.username, u.email),
    ${logged('user-updated', 'data', 'changed')}
    SELECT id FROM changed`,
  suspend: `WITH old AS (SELECT id, name, username, email FROM users WHERE scim_id = $1),
    changed AS (UPDATE users u SET deleted_at = now(), email = NULL, username = NULL, scim_id = NULL, scim_external_id = NULL,
      name = u.name || '(Deleted)' FROM old WHERE u.id = old.id),
    roles AS (DELETE FROM role_user WHERE ${OF_OLD}),
    members AS (DELETE FROM group_user WHERE ${OF_OLD}),
    tokens AS (DELETE FROM personal_access_tokens WHERE ${OF_OLD}),
    resets AS (DELETE FROM reset_tokens WHERE ${OF_OLD}),
    invites AS (DELETE FROM public_signup_tokens_user WHERE ${OF_OLD}),
    sessions AS (DELETE FROM unleash_session WHERE sess -> 'user' ->> 'id' IN (SELECT id::text FROM old)),
    ${logged('user-deleted', 'pre_data', 'old')}
    SELECT id FROM old`,
} as const;
