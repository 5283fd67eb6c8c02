import { sql } from '../sql/sql.js';
import type { Queryable, Transaction } from './database.js';
import { type Audit, insertEvents } from './event-sql.js';

/** The host looks for this row when it asks whether a managed person may be edited in its pages. */
const SETTING = 'scim';
const MAINTENANCE_SETTING = 'maintenance.mode';

/** Statements and transactions of ours that are past the door: until they end they hold a lock on the table that they read there. */
const UNDER_WAY = sql`
  FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
  WHERE l.locktype = 'relation' AND l.relation = 'scim_token'::regclass AND l.granted AND l.pid <> pg_backend_pid()
    AND a.datname = current_database() AND a.application_name = 'unleash-scim'`;

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
        INSERT INTO scim_token (hash, created_by) VALUES (${hash}, ${audit.createdBy})
        ON CONFLICT (singleton) DO UPDATE SET number = excluded.number, hash = excluded.hash, created_by = excluded.created_by, created_at = now()
        RETURNING number)
      ${insertEvents('setting-updated', audit, { data: sql`jsonb_build_object('id', 'scim', 'token', t.number)` }, sql`FROM t`)}`);
  }

  /** Names of what is under way, none of which is ever given twice. */
  async underWay(queryable: Queryable): Promise<readonly string[]> {
    const rows = await queryable.query<{ name: string }>(sql`SELECT DISTINCT l.virtualtransaction AS name ${UNDER_WAY}`);
    return rows.map(({ name }) => name);
  }

  /** Ends statements; what they have done is undone. */
  async cancel(queryable: Queryable, names: readonly string[]): Promise<void> {
    await queryable.query(sql`SELECT pg_cancel_backend(l.pid) ${UNDER_WAY} AND l.virtualtransaction = ANY(${names}::text[])`);
  }

  /** @returns false, with nothing written, in maintenance mode. */
  async tellFailures(queryable: Queryable, failures: object, audit: Audit): Promise<boolean> {
    const data = sql`jsonb_build_object('id', ${SETTING}::text, 'failedAuthentications', ${JSON.stringify(failures)}::jsonb)`;
    const unlessMaintained = sql`WHERE NOT EXISTS (SELECT 1 FROM settings WHERE name = ${MAINTENANCE_SETTING} AND content ->> 'enabled' = 'true')`;
    const rows = await queryable.query(sql`${insertEvents('setting-updated', audit, { data }, unlessMaintained)} RETURNING id`);
    return rows.length > 0;
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
