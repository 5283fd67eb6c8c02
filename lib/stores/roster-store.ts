import { sql } from '../sql/sql.js';
import { ADMINS, IS_LIVE_PERSON } from './admin-sql.js';
import type { Transaction } from './database.js';
import { type Audit, type EventType, insertEvents } from './event-sql.js';

/** All managed people at once: for the settings' buttons. */
export class RosterStore {
  /**
   * Locks everybody managed, live or suspended: nobody is suspended or resumed until the transaction has ended.
   *
   * @returns their host ids, oldest first.
   */
  async lockAll(transaction: Transaction): Promise<readonly number[]> {
    const rows = await transaction.query<{ id: number }>(sql`
      SELECT u.id FROM users u WHERE u.id IN (
        SELECT id FROM users WHERE scim_id IS NOT NULL UNION SELECT user_id FROM scim_users WHERE state <> 'gone')
      ORDER BY u.id FOR UPDATE`);
    return rows.map((row) => row.id);
  }

  /** Who of these is managed and live. */
  async live(transaction: Transaction, userIds: readonly number[]): Promise<readonly number[]> {
    const rows = await transaction.query<{ id: number }>(
      sql`SELECT u.id FROM users u WHERE u.id = ANY(${userIds}::integer[]) AND u.scim_id IS NOT NULL AND ${IS_LIVE_PERSON} ORDER BY u.id`,
    );
    return rows.map((row) => row.id);
  }

  async suspended(transaction: Transaction, userIds: readonly number[]): Promise<readonly number[]> {
    const rows = await transaction.query<{ userId: number }>(
      sql`SELECT user_id AS "userId" FROM scim_users WHERE user_id = ANY(${userIds}::integer[]) AND state = 'suspended' ORDER BY user_id`,
    );
    return rows.map((row) => row.userId);
  }

  /** Everybody who holds the ADMIN permission, managed or not, oldest first. */
  async admins(transaction: Transaction): Promise<readonly number[]> {
    const rows = await transaction.query<{ id: number }>(sql`SELECT id FROM ${ADMINS} a ORDER BY id`);
    return rows.map((row) => row.id);
  }

  /** Makes a managed person a local user: nothing of them changes but who manages them. */
  async release(transaction: Transaction, userId: number): Promise<void> {
    await transaction.query(sql`
      WITH u AS (UPDATE users SET scim_id = NULL, scim_external_id = NULL WHERE id = ${userId})
      DELETE FROM scim_users WHERE user_id = ${userId}`);
  }

  /** Until `recount`, or the end of the transaction, nobody who leaves is counted: one by one is slow for very many. */
  async pauseCounting(transaction: Transaction): Promise<void> {
    await transaction.query(sql`SELECT set_config('scim.counting', 'off', TRUE)`);
  }

  async recount(transaction: Transaction): Promise<void> {
    await transaction.query(sql`SELECT scim_recount()`);
  }

  /** Drops our rows: nobody remembers that these people were here, so they may come again. */
  async forget(transaction: Transaction, userIds: readonly number[]): Promise<void> {
    await transaction.query(sql`DELETE FROM scim_users WHERE user_id = ANY(${userIds}::integer[])`);
  }

  async tell(transaction: Transaction, type: EventType, audit: Audit): Promise<void> {
    await transaction.query(insertEvents(type, audit, {}, sql``));
  }
}
