import { readdir, readFile } from 'node:fs/promises';
import { SqlFragment, sql } from '../sql/sql.js';
import { type Database, lock } from './database.js';

const FOLDER = new URL('../../../migrations/', import.meta.url);
const NUMBERED = /^(\d{3})-[a-z0-9-]+\.sql$/;

interface Migration {
  readonly version: number;
  readonly name: string;
}

const listMigrations = async (): Promise<readonly Migration[]> =>
  (await readdir(FOLDER))
    .flatMap((name) => {
      const match = NUMBERED.exec(name);
      return match === null ? [] : [{ version: Number(match[1]), name }];
    })
    .sort((a, b) => a.version - b.version);

/** A file holds several statements, which a prepared one cannot; split at the semicolon that ends a line. */
const statementsOf = (text: string): readonly SqlFragment[] =>
  text
    .split(/;\s*\n/)
    .map((statement) => statement.replace(/^\s*--.*$/gm, '').trim())
    .filter((statement) => statement !== '')
    .map((statement) => new SqlFragment([statement], []));

/**
 * Brings our tables up to date in one transaction, behind an advisory lock: of several replicas that start at once
 * one migrates, the others find it done. A failure leaves the database as it was.
 *
 * @returns the names of the migrations that were applied.
 */
export const migrate = async (database: Database): Promise<readonly string[]> => {
  const migrations = await listMigrations();
  return database.transaction(async (transaction) => {
    await lock(transaction, 'migrate');
    await transaction.query(sql`
      CREATE TABLE IF NOT EXISTS scim_migrations (
        version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`);
    const done = new Set(
      (await transaction.query<Migration>(sql`SELECT version, name FROM scim_migrations`)).map((row) => row.version),
    );
    const applied: string[] = [];
    for (const { version, name } of migrations.filter((migration) => !done.has(migration.version))) {
      const text = await readFile(new URL(name, FOLDER), 'utf8');
      for (const statement of statementsOf(text)) await transaction.query(statement);
      await transaction.query(sql`INSERT INTO scim_migrations (version, name) VALUES (${version}, ${name})`);
      applied.push(name);
    }
    return applied;
  });
};
