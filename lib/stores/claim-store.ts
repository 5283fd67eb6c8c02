import { sql } from '../sql/sql.js';
import type { Transaction } from './database.js';
import { ROOT_ROLE_COLUMN } from './person-sql.js';
import type { PersonState } from './person-state.js';

/** A host user who has one of the names that a person is to get, or a managed person with one of their identifiers. */
export interface Claim {
  readonly userId: number;
  readonly username: string | null;
  readonly email: string | null;
  readonly name: string | null;
  readonly isService: boolean;
  readonly isSystem: boolean;
  /** False for one who was removed or suspended. */
  readonly live: boolean;
  readonly scimId: string | null;
  readonly state: 'active' | 'suspended' | null;
  readonly scimUserName: string | null;
  readonly scimEmail: string | null;
  readonly externalId: string | null;
  readonly rootRole: number | null;
}

/** Who has the names that a person is to get. */
export class ClaimStore {
  /**
   * Everybody who has one of these names or identifiers. With `lock`, for who may be adopted, their rows stay locked until the
   * transaction ends; whoever has locked a person already must not: two who want each other's names would wait for ever.
   */
  async findClaims(
    transaction: Transaction,
    names: { readonly userName: string; readonly email: string | null; readonly externalId: string | null },
    lock: boolean,
  ): Promise<readonly Claim[]> {
    const { userName, email, externalId } = names;
    return transaction.query<Claim>(sql`
      SELECT u.id AS "userId", u.username, u.email, u.name, coalesce(u.is_service, false) AS "isService", u.is_system AS "isSystem",
        u.deleted_at IS NULL AS live, coalesce(u.scim_id, s.scim_id) AS "scimId", s.state, s.user_name AS "scimUserName",
        s.host_email AS "scimEmail", coalesce(s.external_id, u.scim_external_id) AS "externalId", ${ROOT_ROLE_COLUMN}
      FROM users u LEFT JOIN scim_users s ON s.user_id = u.id AND s.state <> 'gone' WHERE u.id IN (
        SELECT id FROM users WHERE lower(username) = lower(${userName}) OR lower(username) = lower(${email}::text)
        UNION ALL SELECT id FROM users WHERE email = lower(${userName}) OR email = ${email}::text
        UNION ALL SELECT user_id FROM scim_users WHERE lower(user_name) = lower(${userName}) AND state <> 'gone'
        UNION ALL SELECT user_id FROM scim_users WHERE host_email = ${email}::text AND state = 'suspended'
        UNION ALL SELECT user_id FROM scim_users WHERE external_id = ${externalId}::text AND state <> 'gone'
        UNION ALL SELECT id FROM users WHERE scim_external_id = ${externalId}::text)
      ORDER BY u.id ${lock ? sql`FOR UPDATE OF u` : sql``}`);
  }

  /** Which of these people have a name or an identifier that somebody has already, by their place in the list; OFFSET 0 looks them up one by one. */
  async findContested(transaction: Transaction, states: readonly PersonState[]): Promise<ReadonlySet<number>> {
    const names = states.map(({ userName, hostEmail, externalId }) => ({ userName, hostEmail, externalId }));
    const rows = await transaction.query<{ place: number }>(sql`
      SELECT (t.place - 1)::integer AS place
      FROM ROWS FROM (jsonb_to_recordset(${JSON.stringify(names)}::jsonb) AS ("userName" text, "hostEmail" text, "externalId" text))
        WITH ORDINALITY AS t(user_name, email, external_id, place)
      WHERE EXISTS (SELECT 1 FROM users u WHERE lower(u.username) = lower(t.user_name) OFFSET 0)
        OR EXISTS (SELECT 1 FROM users u WHERE lower(u.username) = lower(t.email) OFFSET 0)
        OR EXISTS (SELECT 1 FROM users u WHERE u.email = lower(t.user_name) OFFSET 0)
        OR EXISTS (SELECT 1 FROM users u WHERE u.email = t.email OFFSET 0)
        OR EXISTS (SELECT 1 FROM scim_users s WHERE lower(s.user_name) = lower(t.user_name) AND s.state <> 'gone' OFFSET 0)
        OR EXISTS (SELECT 1 FROM scim_users s WHERE s.host_email = t.email AND s.state = 'suspended' OFFSET 0)
        OR EXISTS (SELECT 1 FROM scim_users s WHERE s.external_id = t.external_id AND s.state <> 'gone' OFFSET 0)
        OR EXISTS (SELECT 1 FROM users u WHERE u.scim_external_id = t.external_id OFFSET 0)`);
    return new Set(rows.map((row) => row.place));
  }
}
