import { type SqlFragment, sql } from '../sql/sql.js';

/** The host's types of roles that count everywhere, its own and custom ones. */
export const ROOT_TYPES = sql`('root', 'root-custom')`;

// Each in brackets of its own, so that a statement over many people asks once (migrations/003-people.sql).

/** The id of a root role by its name or id; NULL where there is none. */
export const rootRoleNamed = (role: string): SqlFragment => sql`(SELECT scim_root_role_named(${role}))`;

/** The same, and Viewer where the role was removed after the start. */
export const rootRoleToGive = (role: string): SqlFragment => sql`(SELECT scim_root_role_to_give(${role}))`;

/** The root role that a user has; the host keeps one. `userId` is an expression. */
export const rootRoleOf = (userId: SqlFragment): SqlFragment => sql`scim_root_role_of(${userId})`;
