import { sql } from '../sql/sql.js';
import type { Queryable, Transaction } from './database.js';
import { type Audit, insertEvents } from './event-sql.js';

/** The host looks for this row when it asks whether a managed person may be edited in its pages. */
const SETTING = 'scim';
const MAINTENANCE_SETTING = 'maintenance.mode';

/** Everything that decides whether a request may pass, read in one statement and never remembered: other replicas change it. */
export interface Gate {
  readonly tokenHash: Buffer | null;
  /** Counts the tokens that there were; names one in the event log without giving it away. */
  readonly tokenNumber: number | null;
  readonly enabled: boolean;
  readonly maintenance: boolean;
}

export class SettingsStore {
  async readGate(queryable: Queryable): Promise<Gate> {
    const rows = await queryable.query<Gate>(sql`
      SELECT t.hash AS "tokenHash", t.number AS "tokenNumber",
        EXISTS (SELECT 1 FROM settings WHERE name = ${SETTING} AND content ->> 'enabled' = 'true') AS enabled,
        EXISTS (SELECT 1 FROM settings WHERE name = ${MAINTENANCE_SETTING} AND content ->> 'enabled' = 'true') AS maintenance
      FROM (VALUES (TRUE)) one LEFT JOIN scim_token t ON TRUE`);
    return rows[0] ?? { tokenHash: null, tokenNumber: null, enabled: false, maintenance: false };
  }

  /** Stores the hash in place of the one before: from the next statement on only the new token is known, on any replica. */
  async replaceToken(queryable: Queryable, hash: Buffer, audit: Audit): Promise<void> {
    await queryable.query(sql`
      WITH t AS (
        INSERT INTO scim_token (number, hash, created_by) VALUES (1, ${hash}, ${audit.createdBy})
        ON CONFLICT (singleton) DO UPDATE SET number = scim_token.number + 1, hash = excluded.hash, created_by = excluded.created_by, created_at = now()
        RETURNING number)
      ${insertEvents('setting-updated', audit, { data: sql`jsonb_build_object('id', 'scim', 'token', t.number)` }, sql`FROM t`)}`);
  }

  /** @returns whether the switch was moved. */
  async setEnabled(transaction: Transaction, enabled: boolean, audit: Audit): Promise<boolean> {
    const content = JSON.stringify({ enabled });
    const before = await transaction.query<{ content: unknown; same: boolean }>(
      sql`SELECT content, (content ->> 'enabled') = ${String(enabled)}::text AS same FROM settings WHERE name = ${SETTING} FOR UPDATE`,
    );
    if (before[0]?.same === true) return false;
    const data = sql`jsonb_build_object('id', ${SETTING}::text) || ${content}::jsonb`;
    const event =
      before[0] === undefined
        ? insertEvents('setting-created', audit, { data }, sql``)
        : insertEvents('setting-updated', audit, { data, preData: sql`${JSON.stringify(before[0].content)}::jsonb` }, sql``);
    await transaction.query(sql`
      WITH s AS (INSERT INTO settings (name, content) VALUES (${SETTING}, ${content}::json)
        ON CONFLICT (name) DO UPDATE SET content = excluded.content)
      ${event}`);
    return true;
  }
}
