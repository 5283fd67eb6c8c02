import { type SqlFragment, sql } from '../sql/sql.js';

/** Who an event names as its author (the host's `createdBy`), and from where. No secret may be in it. */
export interface Audit {
  /** At most 255 characters, the host's limit. */
  readonly createdBy: string;
  /** The host user behind the change; the host's system user for an identity provider. */
  readonly createdByUserId: number;
  readonly ip: string | null;
}

export type EventType =
  | 'user-created'
  | 'user-updated'
  | 'user-deleted'
  | 'group-created'
  | 'group-updated'
  | 'group-deleted'
  | 'group-user-added'
  | 'group-user-removed'
  | 'scim-users-deleted'
  | 'scim-groups-deleted'
  | 'setting-created'
  | 'setting-updated';

const NOTHING = sql`NULL::jsonb`;

/**
 * Rows for the host's event log, one for each row of `from`, to be part of the statement that makes the change: so both are
 * there, or neither. The host announces what it finds here to its webhooks and integrations within a second.
 */
export const insertEvents = (
  type: EventType,
  audit: Audit,
  payload: { readonly data?: SqlFragment; readonly preData?: SqlFragment },
  from: SqlFragment,
): SqlFragment => sql`INSERT INTO events (type, created_by, created_by_user_id, ip, data, pre_data)
  SELECT ${type}::text, ${audit.createdBy}::text, ${audit.createdByUserId}::integer, ${audit.ip}::text,
    ${payload.data === undefined ? sql`NULL::json` : sql`(${payload.data})::json`}, ${payload.preData ?? NOTHING} ${from}`;

/** Who left, as `userPayload` tells it, with the API tokens that they made and leave behind. `userId` is an expression. */
export const leaverPayload = (payload: SqlFragment, userId: SqlFragment): SqlFragment =>
  sql`${payload} || scim_api_tokens_of(${userId})`;

/** The host's own payload of user events. The arguments are expressions. */
export const userPayload = (columns: {
  readonly id: SqlFragment;
  readonly name: SqlFragment;
  readonly username: SqlFragment;
  readonly email: SqlFragment;
  readonly rootRole: SqlFragment;
}): SqlFragment =>
  sql`jsonb_strip_nulls(jsonb_build_object('id', ${columns.id}, 'name', ${columns.name}, 'username', ${columns.username}, 'email', ${columns.email}, 'rootRole', ${columns.rootRole}))`;
