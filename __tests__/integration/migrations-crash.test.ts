import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../lib/host/embedded-postgres.js';
import { indexHostTables, migrate } from '../../lib/stores/migrations.js';
import { postgresPid } from '../support/child-program.js';
import { type Database, openDatabase } from '../support/database.js';
import { hostIndexes, migrateAll, ourObjects, until, withMigrating } from '../support/migrating.js';

const SETTINGS = { fsync: 'off' };

const { migrated, hostOn, clientOn, replicaOf } = withMigrating();

/** A Postgres of this test's own, for nobody else outlives its crash. */
const own: { dataDir: string; postgres?: EmbeddedPostgres } = { dataDir: '' };

const startPostgres = async (): Promise<Database> => {
  const postgres = await startEmbeddedPostgres({ dataDir: own.dataDir, log: () => undefined, settings: SETTINGS });
  own.postgres = postgres;
  const { stop, ...connection } = postgres;
  return { ...openDatabase(connection), drop: async () => undefined };
};

beforeAll(async () => {
  own.dataDir = await mkdtemp(join(tmpdir(), 'unleash-scim-crash-'));
});
afterAll(async () => {
  await own.postgres?.stop();
  await rm(own.dataDir, { recursive: true, force: true });
});

/** As Postgres ends by `pg_ctl stop -m immediate`: no backend finishes anything, and the next start recovers. */
const crash = async (db: Database): Promise<Database> => {
  process.kill(await postgresPid(own.dataDir), 'SIGQUIT');
  await db.disconnect();
  await own.postgres?.stop();
  return startPostgres();
};

test('a Postgres that crashes while tables, and then an index, are made comes back, and the next run makes everything', async () => {
  let db = await startPostgres();
  const host = await hostOn(db, { hostOptions: { enterpriseVersion: '' } });
  await host.stop();

  const first = replicaOf(db);
  await (await clientOn(db)).query('BEGIN; LOCK TABLE group_user IN ROW EXCLUSIVE MODE');
  const making = expect(migrate(first.database)).rejects.toThrow(/cannot be reached/);
  await until('it waits for a table', async () => (await db.query('SELECT 1 FROM pg_locks WHERE NOT granted')).length > 0);
  db = await crash(db);
  await making;
  expect(await ourObjects(db)).toEqual([]);

  const second = replicaOf(db);
  await migrate(second.database);
  await (await clientOn(db)).query('BEGIN; LOCK TABLE users IN ROW EXCLUSIVE MODE');
  const indexing = expect(indexHostTables(second.database, second)).rejects.toThrow();
  await until('it builds an index', async () => (await db.query('SELECT 1 FROM pg_stat_progress_create_index')).length > 0);
  db = await crash(db);
  await indexing;
  expect(Object.values(await hostIndexes(db))).toEqual([false]);

  await migrateAll(replicaOf(db));
  const elsewhere = await migrated();
  expect(await ourObjects(db)).toEqual(await ourObjects(elsewhere));
  expect(await hostIndexes(db)).toEqual(await hostIndexes(elsewhere));
  await db.disconnect();
});
