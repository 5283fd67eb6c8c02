import { type SqlFragment, sql } from '../sql/sql.js';

/** The host's types of roles that count everywhere, its own and custom ones. */
export const ROOT_TYPES = sql`('root', 'root-custom')`;

/** The id of a root role by its name or id; NULL where there is none. */
export const rootRoleNamed = (role: string): SqlFragment =>
  sql`(SELECT id FROM roles WHERE type IN ${ROOT_TYPES} AND (name = ${role} OR id::text = ${role}) ORDER BY type, id LIMIT 1)`;

/** The same, and Viewer where the role was removed after the start: a person without a root role is none that the host knows. */
export const rootRoleToGive = (role: string): SqlFragment =>
  sql`coalesce(${rootRoleNamed(role)}, (SELECT id FROM roles WHERE type = 'root' AND name = 'Viewer'))`;

/** The root role that a user has; the host keeps one. `userId` is an expression. */
export const rootRoleOf = (
  userId: SqlFragment,
): SqlFragment => sql`(SELECT ru.role_id FROM role_user ru JOIN roles r ON r.id = ru.role_id
  WHERE ru.user_id = ${userId} AND r.type IN ${ROOT_TYPES} ORDER BY ru.role_id LIMIT 1)`;
