import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, jest } from '@jest/globals';
import pg from 'pg';
import { Database as ScimDatabase } from '../../lib/stores/database.js';
import { indexHostTables, migrate, type Sessions } from '../../lib/stores/migrations.js';
import { createDatabase, type Database } from './database.js';
import { type Host, type HostOptions, startHost } from './host-process.js';

export const MIGRATIONS = new URL('../../../migrations/', import.meta.url);

/** Several hosts start one after the other, and this machine may be busy. */
const TEST_TIMEOUT_MS = 180_000;

export const fileNames = async (): Promise<readonly string[]> =>
  (await readdir(MIGRATIONS)).filter((name) => /^\d{3}-/.test(name)).sort();

export const indexFileNames = async (): Promise<readonly string[]> =>
  (await fileNames()).filter((name) => name.includes('.concurrent.'));

/** Runs the removal SQL, as psql would, after a setting that PGOPTIONS would bring along. */
export const down = async (db: Database, setting = ''): Promise<unknown> =>
  db.query(`${setting};${await readFile(new URL('down.sql', MIGRATIONS), 'utf8')}; RESET ALL`);

/** What migrates, over connections of its own, as another replica has them. */
export interface Replica extends Sessions {
  readonly database: ScimDatabase;
}

export const migrateAll = async (replica: Replica, folder = MIGRATIONS): Promise<readonly string[]> => [
  ...(await migrate(replica.database, folder)).applied,
  ...(await indexHostTables(replica.database, replica, folder)),
];

/** Whether our indexes on the host's tables are usable, by name. */
export const hostIndexes = async (db: Database): Promise<Readonly<Record<string, boolean>>> => {
  const rows = await db.query<{ name: string; valid: boolean }>(
    `SELECT indexrelid::regclass::text AS name, indisvalid AND indisready AS valid FROM pg_index
     WHERE indexrelid::regclass::text LIKE 'scim\\_%' AND indrelid::regclass::text NOT LIKE 'scim\\_%' ORDER BY 1`,
  );
  return Object.fromEntries(rows.map(({ name, valid }) => [name, valid]));
};

/** Every object of the schema that bears our prefix. */
export const ourObjects = async (db: Database): Promise<readonly string[]> => {
  const rows = await db.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname LIKE 'scim\\_%'
     UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'scim\\_%'
     UNION ALL SELECT conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conname LIKE 'scim\\_%'
     UNION ALL SELECT tgname FROM pg_trigger WHERE tgname LIKE 'scim\\_%' ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
};

/** @throws Error when it does not come to this within a time that a busy machine needs. */
export const until = async (what: string, isSo: () => Promise<boolean>): Promise<void> => {
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; await sleep(20)) if (await isSo()) return;
  throw new Error(`it did not come to this: ${what}`);
};

const openClient = async (db: Database): Promise<pg.Client> => {
  const client = new pg.Client(db.connection).on('error', () => undefined);
  await client.connect();
  return client;
};

export interface Migrating {
  /** A database that a host has migrated, ours included. */
  migrated(): Promise<Database>;
  /** One that is gone after the test. */
  owned(db: Database): Database;
  hostOn(database: Database, options?: Omit<HostOptions, 'database'>): Promise<Host>;
  /** A connection that a test holds open. */
  clientOn(db: Database): Promise<pg.Client>;
  replicaOf(db: Database): Replica;
}

/** Databases, hosts and connections that are gone after each test of the file. */
export const withMigrating = (): Migrating => {
  jest.setTimeout(TEST_TIMEOUT_MS);
  const ends = { databases: [] as Database[], pools: [] as pg.Pool[], clients: [] as pg.Client[], hosts: [] as Host[] };
  afterEach(async () => {
    await Promise.all(ends.hosts.splice(0).map((host) => host.stop()));
    await Promise.all(ends.clients.splice(0).map((client) => client.end()));
    await Promise.all(ends.pools.splice(0).map((pool) => pool.end()));
    await Promise.all(ends.databases.splice(0).map((db) => db.drop()));
  });
  const owned = (db: Database): Database => {
    ends.databases.push(db);
    return db;
  };
  return {
    owned,
    migrated: async () => owned(await createDatabase()),
    hostOn: async (database, options = {}) => {
      const host = await startHost({ ...options, database });
      ends.hosts.push(host);
      return host;
    },
    clientOn: async (db) => {
      const client = await openClient(db);
      ends.clients.push(client);
      return client;
    },
    replicaOf: (db) => {
      // Postgres ends a connection that is idle when its database is dropped, and nobody else would listen.
      const pool = new pg.Pool({ ...db.connection, max: 2 }).on('error', () => undefined);
      // A connection that is killed while it is in use tells its own listeners only.
      pool.on('connect', (client) => client.on('error', () => undefined));
      ends.pools.push(pool);
      const client = {
        acquireConnection: () => pool.connect(),
        releaseConnection: (connection: unknown) => (connection as pg.PoolClient).release(),
      };
      return {
        database: new ScimDatabase({ client }, { prepared: true }),
        session: async (work) => {
          const session = await openClient(db);
          return work(session).finally(() => session.end());
        },
      };
    },
  };
};
