import { type SqlFragment, sql } from '../sql/sql.js';

/** Whether a role carries ADMIN, which is a permission: a custom root role can have it as well as the one called Admin. */
export const carriesAdmin = (roleId: SqlFragment): SqlFragment =>
  sql`EXISTS (SELECT 1 FROM role_permission p WHERE p.role_id = ${roleId} AND p.permission = 'ADMIN')`;

/** A group gives ADMIN by its root role or by any other role it has, in whichever project. */
export const groupCarriesAdmin = (groupId: SqlFragment): SqlFragment => sql`(
  EXISTS (SELECT 1 FROM groups ag WHERE ag.id = ${groupId} AND ${carriesAdmin(sql`ag.root_role_id`)})
  OR EXISTS (SELECT 1 FROM group_role ar WHERE ar.group_id = ${groupId} AND ${carriesAdmin(sql`ar.role_id`)}))`;

/** Who can administer at all: service accounts and system users cannot log in. `u` is the user's row. */
export const IS_LIVE_PERSON = sql`(u.deleted_at IS NULL AND u.is_service IS NOT TRUE AND NOT u.is_system)`;

/** The host ids of everybody who holds ADMIN: directly, by a custom role, or through a group. */
export const ADMINS = sql`(
  WITH admin_roles AS (SELECT DISTINCT role_id FROM role_permission WHERE permission = 'ADMIN'),
  holders AS (
    SELECT ru.user_id FROM role_user ru JOIN admin_roles USING (role_id)
    UNION SELECT gu.user_id FROM group_user gu JOIN groups g ON g.id = gu.group_id JOIN admin_roles a ON a.role_id = g.root_role_id
    UNION SELECT gu.user_id FROM group_user gu JOIN group_role gr ON gr.group_id = gu.group_id JOIN admin_roles a ON a.role_id = gr.role_id)
  SELECT u.id FROM holders h JOIN users u ON u.id = h.user_id WHERE ${IS_LIVE_PERSON})`;
