import type { Database } from '../support/database.js';
import type { Rest, RestEvent } from './history.js';

/** Everything of SCIM in the tables, and the events since `mark`. */
export const readRest = async (db: Database, mark: number): Promise<Rest> => {
  const people = await db.query<Rest['people'][number]>(
    'SELECT user_id AS "userId", scim_id AS id, state, version::integer FROM scim_users ORDER BY user_id',
  );
  const groups = await db.query<Rest['groups'][number]>(
    `SELECT g.id AS "groupId", g.scim_id AS id, sg.version::integer FROM groups g JOIN scim_groups sg ON sg.group_id = g.id
     WHERE g.scim_id IS NOT NULL ORDER BY g.id`,
  );
  const members = await db.query<Rest['members'][number]>(
    `SELECT group_id AS "groupId", user_id AS "userId" FROM group_user
     UNION ALL SELECT group_id, user_id FROM scim_parked_members ORDER BY 1, 2`,
  );
  const events = await db.query<RestEvent>(
    `SELECT id, type, starts_with(created_by, 'SCIM token') AS "byScim", coalesce(data ->> 'adoptedByScim' = 'true', FALSE) AS adopted,
       (CASE WHEN type LIKE 'user-%' THEN coalesce(data ->> 'id', pre_data ->> 'id')
         ELSE coalesce(data ->> 'userId', pre_data ->> 'userId') END)::integer AS "userId",
       (CASE WHEN type LIKE 'group-user-%' THEN coalesce(data ->> 'groupId', pre_data ->> 'groupId')
         WHEN type LIKE 'group-%' THEN coalesce(data ->> 'id', pre_data ->> 'id') END)::integer AS "groupId", created_at::text AS at
     FROM events WHERE id > $1 AND (type LIKE 'user-%' OR type LIKE 'group-%') ORDER BY id`,
    [mark],
  );
  return { people, groups, members, events };
};

/** What must be true at any moment, as SQL that finds who or what breaks it. One statement sees one moment. */
const ALWAYS: Readonly<Record<string, string>> = {
  'is active here and not in Unleash, or the other way round': `
    SELECT s.user_id FROM scim_users s JOIN users u ON u.id = s.user_id
    WHERE (s.state = 'active') <> (u.deleted_at IS NULL AND u.scim_id IS NOT DISTINCT FROM s.scim_id)`,
  'has other names here than in Unleash': `
    SELECT s.user_id FROM scim_users s JOIN users u ON u.id = s.user_id WHERE s.state = 'active'
      AND (u.name, u.username, u.email, u.scim_external_id) IS DISTINCT FROM (s.host_name, s.host_username, s.host_email, s.external_id)`,
  'is managed and has no row of ours': `
    SELECT u.id FROM users u WHERE u.scim_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM scim_users s WHERE s.user_id = u.id)`,
  'is a member and was removed or suspended': `
    SELECT gu.user_id FROM group_user gu JOIN users u ON u.id = gu.user_id WHERE u.deleted_at IS NOT NULL`,
  'has something parked and is not suspended': `
    SELECT user_id FROM (SELECT user_id FROM scim_parked_members UNION SELECT user_id FROM scim_parked_roles) p
    JOIN scim_users s USING (user_id) WHERE s.state <> 'suspended'`,
  'was created by SCIM and has no root role, or has one and was suspended or removed': `
    SELECT s.user_id FROM scim_users s
    WHERE (s.state = 'active') <> EXISTS (
        SELECT 1 FROM role_user ru JOIN roles r ON r.id = ru.role_id WHERE ru.user_id = s.user_id AND r.type IN ('root', 'root-custom'))
      AND NOT EXISTS (SELECT 1 FROM events e WHERE e.type = 'user-updated' AND e.data ->> 'adoptedByScim' = 'true' AND e.data ->> 'id' = s.user_id::text)`,
  'was suspended or removed and can still come in': `
    SELECT s.user_id FROM scim_users s WHERE s.state <> 'active' AND (
      EXISTS (SELECT 1 FROM unleash_session WHERE sess -> 'user' ->> 'id' = s.user_id::text)
      OR EXISTS (SELECT 1 FROM personal_access_tokens t WHERE t.user_id = s.user_id)
      OR EXISTS (SELECT 1 FROM reset_tokens t WHERE t.user_id = s.user_id))`,
  'shares a userName': `
    SELECT min(user_id) FROM scim_users WHERE state <> 'gone' GROUP BY lower(user_name) HAVING count(*) > 1`,
  'shares an e-mail': `
    SELECT min(id) FROM (
      SELECT id, lower(email) AS email FROM users WHERE deleted_at IS NULL AND scim_id IS NOT NULL
      UNION ALL SELECT user_id, lower(host_email) FROM scim_users WHERE state = 'suspended') e
    WHERE email IS NOT NULL GROUP BY email HAVING count(*) > 1`,
  'shares an externalId': `
    SELECT min(user_id) FROM scim_users WHERE state <> 'gone' AND external_id IS NOT NULL GROUP BY external_id HAVING count(*) > 1`,
  'shares an address with another user of Unleash': `
    SELECT min(id) FROM users WHERE deleted_at IS NULL AND email IS NOT NULL GROUP BY lower(email) HAVING count(*) > 1`,
  'is a group whose name another has': 'SELECT min(id) FROM groups GROUP BY lower(name) HAVING count(*) > 1',
  'is a managed group without a row of ours': `
    SELECT id FROM groups g WHERE scim_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM scim_groups sg WHERE sg.group_id = g.id)`,
  'is the number of people, and the lists count another': `
    SELECT n.people FROM (SELECT count(*) AS people FROM scim_users WHERE state <> 'gone') n
    WHERE n.people <> (SELECT coalesce(sum(people), 0) FROM scim_page_counts)`,
  'is how many administer Unleash': `
    SELECT 0 WHERE NOT EXISTS (
      SELECT 1 FROM role_user ru JOIN role_permission p ON p.role_id = ru.role_id AND p.permission = 'ADMIN'
      JOIN users u ON u.id = ru.user_id WHERE u.deleted_at IS NULL AND u.is_service IS NOT TRUE AND NOT u.is_system)`,
};

const BROKEN = Object.entries(ALWAYS)
  .map(([rule, found]) => `SELECT f.id || ' ${rule}' AS broken FROM (${found}) f(id)`)
  .join(' UNION ALL ');

/** @returns what is wrong at this moment. */
export const brokenNow = async (db: Database): Promise<readonly string[]> =>
  (await db.query<{ broken: string }>(BROKEN)).map(({ broken }) => broken);
