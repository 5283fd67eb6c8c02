import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { SqlScript, sql } from '../sql/sql.js';
import { type Database, lock, lockKey } from './database.js';

const FOLDER = new URL('../../../migrations/', import.meta.url);
const NUMBERED = /^(\d{3})-[a-z0-9-]+(\.concurrent|\.breaking)?\.sql$/;
/** The name alone says so, for it is all that an older version of this package has of a newer file. */
const BREAKING = /\.breaking\.sql$/;

/** How long a statement of ours may stand in the queue for a lock on a table of the host: everybody else queues behind it. */
const LOCK_WAIT = '3s';
const LOCK_ATTEMPTS = 60;
const LOCK_PAUSE_MS = 1_000;
const POLL_MS = 100;
const MAX_POLL_MS = 2_000;
/** Six hours: building an index waits for every older transaction, such as a backup's. */
const MAX_POLLS = (6 * 3_600_000) / MAX_POLL_MS;

interface Migration {
  readonly version: number;
  readonly name: string;
  /** Its statements cannot be part of a transaction. */
  readonly isConcurrent: boolean;
}

/** What was done, and what was found that an administrator should know of; none of it keeps SCIM from working. */
export interface Migrated {
  readonly applied: readonly string[];
  readonly warnings: readonly string[];
}

interface AppliedMigration {
  readonly version: number;
  readonly name: string;
  readonly checksum: string | null;
}

/** A connection of one's own, on which a statement may take as long as it takes. */
export interface Session {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly Record<string, unknown>[] }>;
}

/** Opens sessions, each for as long as the work with it takes. */
export interface Sessions {
  session<Result>(work: (session: Session) => Promise<Result>): Promise<Result>;
}

const listMigrations = async (folder: URL): Promise<readonly Migration[]> =>
  (await readdir(folder))
    .flatMap((name) => {
      const match = NUMBERED.exec(name);
      return match === null ? [] : [{ version: Number(match[1]), name, isConcurrent: match[2] === '.concurrent' }];
    })
    .sort((a, b) => a.version - b.version);

const textOf = (folder: URL, name: string): Promise<string> => readFile(new URL(name, folder), 'utf8');

/** Of the text without regard to how the checkout ends its lines. */
const checksumOf = (text: string): string => createHash('sha256').update(text.replaceAll('\r\n', '\n')).digest('hex');

/**
 * What the database has beyond this version of the package, or in another form.
 *
 * @throws {Error} where a newer version says that this one cannot work any more.
 */
const doubtsAbout = async (
  migrations: readonly Migration[],
  done: readonly AppliedMigration[],
  folder: URL,
): Promise<readonly string[]> => {
  const ours = new Map(migrations.map((migration) => [migration.version, migration]));
  const newer = done.filter(({ version }) => !ours.has(version)).map(({ name }) => name);
  if (newer.some((name) => BREAKING.test(name))) {
    throw new Error(
      `A newer version of unleash-scim has migrated the database (${newer.join(', ')}), and this one cannot work with it. Install that version again, or restore the backup made before the upgrade.`,
    );
  }
  const changed: string[] = [];
  for (const { version, name, checksum } of done) {
    const file = ours.get(version);
    if (file !== undefined && (file.name !== name || checksumOf(await textOf(folder, name)) !== checksum)) changed.push(name);
  }
  return [
    ...(newer.length === 0
      ? []
      : [
          `A newer version of unleash-scim has migrated the database (${newer.join(', ')}). This one goes on with it; upgrade all replicas to the same version soon.`,
        ]),
    ...(changed.length === 0
      ? []
      : [
          `Migrations were applied in another form than this version of unleash-scim has (${changed.join(', ')}), as by a version that was not released. If SCIM fails, run migrations/down.sql and start again.`,
        ]),
  ];
};

const isLockTimeout = ({ cause }: { readonly cause?: unknown }): boolean =>
  typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === '55P03';

const migrateOnce = async (database: Database, folder: URL): Promise<Migrated> => {
  const migrations = await listMigrations(folder);
  return database.transaction(async (transaction) => {
    await transaction.query(new SqlScript('SET LOCAL statement_timeout = 0'));
    await lock(transaction, 'migrate');
    await transaction.query(new SqlScript(`SET LOCAL lock_timeout = '${LOCK_WAIT}'`));
    await transaction.query(sql`
      CREATE TABLE IF NOT EXISTS scim_migrations (
        version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now(), checksum text)`);
    const done = await transaction.query<AppliedMigration>(sql`
      SELECT version, name, to_jsonb(m) ->> 'checksum' AS checksum FROM scim_migrations m ORDER BY version`);
    const warnings = await doubtsAbout(migrations, done, folder);
    const versions = new Set(done.map(({ version }) => version));
    const pending = migrations.filter(({ version, isConcurrent }) => !isConcurrent && !versions.has(version));
    // Versions that were not released had no such column.
    if (pending.length > 0) await transaction.query(sql`ALTER TABLE scim_migrations ADD COLUMN IF NOT EXISTS checksum text`);
    const applied: string[] = [];
    for (const { version, name } of pending) {
      const text = await textOf(folder, name);
      await transaction.query(new SqlScript(text));
      await transaction.query(
        sql`INSERT INTO scim_migrations (version, name, checksum) VALUES (${version}, ${name}, ${checksumOf(text)})`,
      );
      applied.push(name);
    }
    return { applied, warnings };
  });
};

/**
 * Brings our tables up to date in one transaction, behind an advisory lock: of several replicas that start at once
 * one migrates, the others find it done. A failure leaves the database as it was.
 *
 * @throws {Error} where a newer version of the package has made the database unusable for this one.
 */
export const migrate = async (database: Database, folder = FOLDER): Promise<Migrated> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await migrateOnce(database, folder);
    } catch (error) {
      if (attempt === LOCK_ATTEMPTS || !(error instanceof Error && isLockTimeout(error))) throw error;
      await sleep(LOCK_PAUSE_MS);
    }
  }
};

/**
 * Holds the lock in an idle transaction, which also a pooler in transaction mode knows. It must have no snapshot, for which the
 * building of an index would wait for ever; a statement with parameters would keep its own until the next one.
 */
const locked = (sessions: Sessions, work: () => Promise<void>): Promise<void> =>
  sessions.session(async (session) => {
    const [space, number] = lockKey('indexes');
    for (let poll = 0; poll < MAX_POLLS; poll += 1) {
      await session.query('BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = 0');
      const { rows } = await session.query(`SELECT pg_try_advisory_xact_lock(${space}, ${number}) AS mine`);
      if (rows[0]?.mine === true) {
        await work();
        await session.query('COMMIT');
        return;
      }
      await session.query('ROLLBACK');
      await sleep(Math.min((poll + 1) * POLL_MS, MAX_POLL_MS));
    }
    throw new Error('another replica has been building the indexes of SCIM for hours');
  });

/** Nobody else builds any at this time, so one that is not valid was left by somebody who was killed. */
const dropBroken = async (session: Session): Promise<void> => {
  const { rows } = await session.query(
    `SELECT format('DROP INDEX CONCURRENTLY IF EXISTS %I.%I', n.nspname, c.relname) AS text
     FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE NOT i.indisvalid AND c.relname LIKE 'scim\\_%' AND n.nspname = current_schema()`,
  );
  for (const { text } of rows) await session.query(String(text));
};

/** Comments stand on lines of their own, and a semicolon ends a line only where it ends a statement. */
const statementsOf = (text: string): readonly string[] =>
  text
    .replace(/^\s*--.*$/gm, '')
    .split(/;\s*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');

const pendingIndexes = async (database: Database, folder: URL): Promise<readonly Migration[]> => {
  const migrations = await listMigrations(folder);
  const rows = await database.query<{ version: number }>(sql`SELECT version FROM scim_migrations`);
  const done = new Set(rows.map((row) => row.version));
  return migrations.filter(({ version, isConcurrent }) => isConcurrent && !done.has(version));
};

/**
 * Makes the indexes that we need on tables of the host, which go on being written meanwhile. Everything works without them,
 * only slower. What a killed run left is made again. Needs our tables.
 *
 * @returns the names of the files that were applied.
 */
export const indexHostTables = async (database: Database, sessions: Sessions, folder = FOLDER): Promise<readonly string[]> => {
  if ((await pendingIndexes(database, folder)).length === 0) return [];
  const applied: string[] = [];
  await locked(sessions, () =>
    sessions.session(async (session) => {
      for (const { version, name } of await pendingIndexes(database, folder)) {
        await dropBroken(session);
        const text = await textOf(folder, name);
        for (const statement of statementsOf(text)) await session.query(statement);
        await session.query('INSERT INTO scim_migrations (version, name, checksum) VALUES ($1, $2, $3)', [
          version,
          name,
          checksumOf(text),
        ]);
        applied.push(name);
      }
    }),
  );
  return applied;
};
