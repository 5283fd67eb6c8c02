/** Unleash finds nobody by these columns, and whoever provisions it must. */
export const HOST_INDEXES = 'CREATE UNIQUE INDEX ON users (scim_id); CREATE UNIQUE INDEX ON groups (scim_id)';

/** Plans of foreign keys are kept too: made while there is nobody, they would read everybody for each row later on. */
export const BY_INDEX = `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET enable_seqscan = off', current_database()); END $$`;

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
const FOUND = 'found AS (SELECT id FROM groups WHERE scim_id = $1)';
const PEOPLE = 'SELECT id FROM users WHERE scim_id = ANY($2::text[])';
/** Of everything that is deleted when somebody leaves. */
const OF_OLD = 'user_id IN (SELECT id FROM old)';
const hashOf = (email: string): string => `encode(sha256(convert_to(${email}, 'UTF8')), 'hex')`;

const columns = (of: string): string =>
  `${of}.id, ${of}.scim_id, ${of}.scim_external_id AS external_id, coalesce(${of}.username, ${of}.email) AS username, ${of}.email, ${of}.name,
    ${of}.created_at, ${of}.deleted_at`;

export const HOST_STATEMENTS = {
  createGroup: `WITH created AS (INSERT INTO groups (scim_id, scim_external_id, name) VALUES ($1, $2, $3) RETURNING *),
    logged AS (INSERT INTO events (type, created_by, created_by_user_id, ip, data)
      SELECT 'group-created', 'SCIM token #1', -1, '127.0.0.1', jsonb_build_object('id', id, 'name', name) FROM created)
    SELECT id, scim_id, scim_external_id AS external_id, name, created_at FROM created`,
  deleteGroup: `WITH gone AS (DELETE FROM groups WHERE scim_id = $1 RETURNING id, name)
    INSERT INTO events (type, created_by, created_by_user_id, ip, pre_data)
    SELECT 'group-deleted', 'SCIM token #1', -1, '127.0.0.1', jsonb_build_object('id', id, 'name', name) FROM gone`,
  getGroup: `SELECT id, scim_id, scim_external_id AS external_id, name, created_at, (
      SELECT string_agg(concat('{"value":"', u.scim_id, '","display":', to_json(u.name)::text, '}'), ',')
      FROM group_user m JOIN users u ON u.id = m.user_id WHERE m.group_id = g.id) AS members
    FROM groups g WHERE scim_id = $1`,
  add: `WITH ${FOUND},
    moved AS (INSERT INTO group_user (group_id, user_id, created_by) SELECT found.id, u.id, 'SCIM token #1' FROM found, (${PEOPLE}) u
      ON CONFLICT DO NOTHING RETURNING group_id, user_id),
    ${logged('group-user-added', 'data', 'moved', PAIR_PAYLOAD)}
    SELECT id FROM found`,
  remove: `WITH ${FOUND},
    moved AS (DELETE FROM group_user WHERE group_id = (SELECT id FROM found) AND user_id = ANY(ARRAY(${PEOPLE})) RETURNING group_id, user_id),
    ${logged('group-user-removed', 'pre_data', 'moved', PAIR_PAYLOAD)}
    SELECT id FROM found`,
  get: `SELECT ${columns('u')} FROM users u WHERE scim_id = $1 AND deleted_at IS NULL`,
  create: `WITH created AS (
      INSERT INTO users (scim_id, scim_external_id, username, email, email_hash, name, created_at)
      VALUES ($1, $2, nullif($3::text, $4::text), $4::text, ${hashOf('$4::text')}, $5, now()) RETURNING *),
    given AS (INSERT INTO role_user (role_id, user_id, project)
      SELECT r.id, created.id, 'default' FROM created, roles r WHERE r.type = 'root' AND r.name = 'Viewer'),
    ${logged('user-created', 'data', 'created')}
    SELECT ${columns('created')} FROM created`,
  replace: `WITH old AS (SELECT id FROM users WHERE scim_id = $1),
    changed AS (UPDATE users u SET scim_external_id = $2, username = nullif($3::text, $4::text), email = $4::text, name = $5
      FROM old WHERE u.id = old.id RETURNING u.*),
    ${logged('user-updated', 'data', 'changed')}
    SELECT ${columns('changed')} FROM changed`,
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
