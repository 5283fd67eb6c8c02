import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Database } from './database.js';

const POLL_MS = 10;
const PATIENCE_MS = 15_000;

/**
 * Waits until so many statements wait for a lock in this database.
 * @returns the ids of their backends
 */
export const untilHeldUp = async (
  db: Database,
  { count = 1, of = '%' }: { readonly count?: number /** Application name, a LIKE pattern. */; readonly of?: string } = {},
): Promise<readonly number[]> => {
  for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline; await sleep(POLL_MS)) {
    const waiting = await db.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity
       WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name LIKE $1`,
      [of],
    );
    if (waiting.length >= count) return waiting.map(({ pid }) => pid);
  }
  throw new Error(`no ${count} statements came to wait`);
};

export interface HeldTable {
  release(): Promise<void>;
}

/** Nobody else gets to the table, so that what is under way stops there in the middle. */
export const holdTable = async (db: Database, table: string): Promise<HeldTable> => {
  const client = new pg.Client(db.connection);
  await client.connect();
  await client.query(`BEGIN; LOCK TABLE ${client.escapeIdentifier(table)} IN ACCESS EXCLUSIVE MODE`);
  return { release: () => client.end() };
};
