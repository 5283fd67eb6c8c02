import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { indexHostTables, migrate } from '../../lib/stores/migrations.js';
import type { Database } from '../support/database.js';
import { down, fileNames, hostIndexes, indexFileNames, migrateAll, ourObjects, withMigrating } from '../support/migrating.js';

const { migrated, clientOn, replicaOf } = withMigrating();

/** Somebody reads the database as it was at this moment, for which the building of an index has to wait. */
const beginBackup = async (db: Database): Promise<pg.Client> => {
  const backup = await clientOn(db);
  await backup.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM users');
  return backup;
};

/** The process that builds an index, once there is one. */
const buildingPid = async (db: Database): Promise<number> => {
  for (const deadline = Date.now() + 10_000; Date.now() < deadline; await sleep(20)) {
    const [row] = await db.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'CREATE INDEX CONCURRENTLY%'
       AND wait_event_type = 'Lock'`,
    );
    if (row !== undefined) return row.pid;
  }
  throw new Error('no index is being built');
};

test('running the migrations again applies nothing and changes nothing', async () => {
  const db = await migrated();
  const before = await ourObjects(db);
  expect(await migrateAll(replicaOf(db))).toEqual([]);
  expect(await ourObjects(db)).toEqual(before);
});

test('of replicas that migrate at the same time one applies each file, once', async () => {
  const db = await migrated();
  const before = [await ourObjects(db), await hostIndexes(db)];
  await down(db);
  const applied = await Promise.all(Array.from({ length: 5 }, () => migrateAll(replicaOf(db))));
  expect(applied.flat().sort()).toEqual(await fileNames());
  expect([await ourObjects(db), await hostIndexes(db)]).toEqual(before);
});

test('a migration that fails leaves nothing half made, and the next run makes all of it', async () => {
  const db = await migrated();
  await down(db);
  await db.query('CREATE TABLE scim_parked_members (something text)');
  await expect(migrateAll(replicaOf(db))).rejects.toThrow(/already exists/);
  expect(await ourObjects(db)).toEqual(['scim_parked_members']);
  await db.query('DROP TABLE scim_parked_members');
  expect(await migrateAll(replicaOf(db))).toEqual(await fileNames());
});

test("a migration that waits for a table of the host does not make the host's writers wait behind it", async () => {
  const db = await migrated();
  await down(db);
  const writer = await clientOn(db);
  await writer.query("BEGIN; UPDATE users SET name = 'written' WHERE id = 1");
  const migrating = migrate(replicaOf(db).database);
  const waits: number[] = [];
  for (const until = Date.now() + 6_000; Date.now() < until; await sleep(100)) {
    const begun = Date.now();
    await db.query(`INSERT INTO users (username) VALUES ('other-' || clock_timestamp())`);
    waits.push(Date.now() - begun);
  }
  expect(Math.max(...waits)).toBeGreaterThan(1_000);
  expect(Math.max(...waits)).toBeLessThan(5_000);
  await writer.query('COMMIT');
  expect((await migrating).applied.length).toBeGreaterThan(0);
});

describe('the indexes on tables of the host', () => {
  test('are built while the tables are written, by one replica, and the others find them done', async () => {
    const db = await migrated();
    const before = await hostIndexes(db);
    await down(db);
    const replicas = [replicaOf(db), replicaOf(db), replicaOf(db)] as const;
    await migrate(replicas[0].database);
    const backup = await beginBackup(db);
    const indexing = Promise.all(replicas.map((replica) => indexHostTables(replica.database, replica)));
    await buildingPid(db);
    const writer = await clientOn(db);
    await writer.query('SET statement_timeout = 2000');
    await writer.query(`INSERT INTO users (username) VALUES ('written-meanwhile')`);
    await writer.query(`UPDATE users SET name = 'Written meanwhile' WHERE username = 'written-meanwhile'`);
    // A replica that starts now has its tables, and does not wait for the indexes.
    expect((await migrate(replicaOf(db).database)).applied).toEqual([]);
    await backup.query('COMMIT');
    expect((await indexing).flat()).toEqual(await indexFileNames());
    expect(await hostIndexes(db)).toEqual(before);
    expect(Object.values(before)).toEqual(Object.values(before).map(() => true));
  });

  test('are made again where a run was killed in the middle of one', async () => {
    const db = await migrated();
    const before = await hostIndexes(db);
    await down(db);
    const replica = replicaOf(db);
    await migrate(replica.database);
    const backup = await beginBackup(db);
    const killed = expect(indexHostTables(replica.database, replica)).rejects.toThrow(/terminat/);
    await db.query('SELECT pg_terminate_backend($1)', [await buildingPid(db)]);
    await killed;
    expect(Object.values(await hostIndexes(db))).toEqual([false]);
    await backup.query('COMMIT');
    expect(await indexHostTables(replica.database, replica)).toEqual(await indexFileNames());
    expect(await hostIndexes(db)).toEqual(before);
  });
});

test("the host's tables have no constraint of ours, so that a later version of the host cannot fail on one", async () => {
  const db = await migrated();
  const rows = await db.query(
    `SELECT c.conname FROM pg_constraint c WHERE c.conname LIKE '%scim%' AND c.conrelid::regclass::text NOT LIKE 'scim\\_%'
     AND c.conname NOT LIKE 'users_scim%' AND c.conname NOT LIKE 'groups_scim%'`,
  );
  expect(rows).toEqual([]);
});
