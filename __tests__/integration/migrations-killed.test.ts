import { describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { indexHostTables, migrate } from '../../lib/stores/migrations.js';
import { scim as clientOf } from '../support/clients.js';
import { createDatabase, type Database } from '../support/database.js';
import type { Host } from '../support/host-process.js';
import { down, fileNames, hostIndexes, migrateAll, ourObjects, until, withMigrating } from '../support/migrating.js';
import { userBody } from '../support/provisioning.js';

const { migrated, owned, hostOn, clientOn, replicaOf } = withMigrating();

/** Of the tables of the host that get an index the first, one in between and the last, in the order of the file. */
const INDEXED = ['users', 'unleash_session', 'api_token_project'] as const;

/**
 * The host makes this table before it takes the lock under which it migrates, and two that make it in the same instant
 * collide: one of them ends with a unique violation in pg_class, and has to be started again. Not ours to test.
 */
const TABLE_BEFORE_THE_LOCK_OF_THE_HOST =
  'CREATE TABLE migrations (id serial PRIMARY KEY, name varchar(255) NOT NULL, run_on timestamp NOT NULL)';

/** A database of the host's with nothing of ours, and what of ours it has after a whole run. */
const unmigrated = async (): Promise<{ readonly db: Database; readonly whole: unknown }> => {
  const db = await migrated();
  const whole = [await ourObjects(db), await hostIndexes(db)];
  await down(db);
  return { db, whole };
};

const whatThereIs = async (db: Database): Promise<unknown> => [await ourObjects(db), await hostIndexes(db)];

/** Somebody has written a table and not committed. */
const holdWriting = async (db: Database, table: string): Promise<pg.Client> => {
  const writer = await clientOn(db);
  await writer.query(`BEGIN; LOCK TABLE ${table} IN ROW EXCLUSIVE MODE`);
  return writer;
};

/** Somebody reads the database as it was at this moment, as a backup does. */
const holdSnapshot = async (db: Database): Promise<pg.Client> => {
  const reader = await clientOn(db);
  await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM projects');
  return reader;
};

const isWaitingFor = async (db: Database, table: string): Promise<boolean> =>
  (await db.query('SELECT 1 FROM pg_locks WHERE NOT granted AND relation = $1::regclass', [table])).length > 0;

const isIndexing = async (db: Database, table: string, phase: string): Promise<boolean> =>
  (await db.query('SELECT 1 FROM pg_stat_progress_create_index WHERE relid = $1::regclass AND phase = $2', [table, phase]))
    .length > 0;

/**
 * From now on the connection that has just run the nth statement that defines something is killed. The count is in a sequence,
 * which no rollback takes back.
 */
const setTrap = async (db: Database): Promise<void> => {
  await db.query(`CREATE SEQUENCE defined; CREATE TABLE trap (at integer); INSERT INTO trap VALUES (0);
    CREATE FUNCTION spring() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
      IF nextval('defined') = (SELECT at FROM trap) THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; END $$;
    CREATE EVENT TRIGGER spring ON ddl_command_end EXECUTE FUNCTION spring()`);
};

test('a run that is killed after any of its statements leaves nothing, and the next one makes everything', async () => {
  const { db, whole } = await unmigrated();
  const { database } = replicaOf(db);
  const isKilled = (): Promise<boolean> =>
    migrate(database).then(
      () => false,
      (error) => {
        expect(String(error)).toMatch(/cannot be reached/);
        return true;
      },
    );
  await setTrap(db);
  let kills = 0;
  do {
    expect([kills, await ourObjects(db)]).toEqual([kills, []]);
    await db.query(`UPDATE trap SET at = $1`, [kills + 1]);
    await db.query(`SELECT setval('defined', 1, false)`);
    kills += 1;
  } while (await isKilled());
  await db.query('DROP EVENT TRIGGER spring');
  expect(kills).toBeGreaterThan(60);
  const replica = replicaOf(db);
  await indexHostTables(replica.database, replica);
  expect(await whatThereIs(db)).toEqual(whole);
});

describe('a run that is killed while it builds the index of', () => {
  const blockers = {
    'waiting for writers before build': holdWriting,
    'waiting for old snapshots': async (db: Database, table: string): Promise<pg.Client> => {
      const writer = await holdWriting(db, table);
      void until('an index waits for a writer', () => isIndexing(db, table, 'waiting for writers before build'))
        .then(() => holdSnapshot(db))
        .finally(() => writer.query('COMMIT'));
      return writer;
    },
  } as const;

  test.each(
    INDEXED.flatMap((table) =>
      (['waiting for writers before build', 'waiting for old snapshots'] as const).map((phase) => [table, phase] as const),
    ),
  )('%s, %s, leaves one that the next run makes again', async (table, phase) => {
    const { db, whole } = await unmigrated();
    const replica = replicaOf(db);
    await migrate(replica.database);
    await blockers[phase](db, table);
    const killed = expect(indexHostTables(replica.database, replica)).rejects.toThrow(/terminat/);
    await until(phase, () => isIndexing(db, table, phase));
    await db.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_progress_create_index WHERE datname = current_database()`);
    await killed;
    const left = await hostIndexes(db);
    expect(Object.values(left).filter((isValid) => !isValid)).toHaveLength(1);
    await db.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
      AND state = 'idle in transaction'`);
    await migrateAll(replica);
    expect(await whatThereIs(db)).toEqual(whole);
  });
});

describe('a host that is killed by SIGKILL', () => {
  const comesWhole = async (db: Database, whole: unknown): Promise<void> => {
    const host = await hostOn(db);
    expect(await whatThereIs(db)).toEqual(whole);
    await clientOf(host).post('/Users', userBody('after@example.com')).expect(201);
  };

  test.each(['users', 'group_user'])('while its tables wait for %s, finishes at the next start', async (table) => {
    const { db, whole } = await unmigrated();
    const writer = await holdWriting(db, table);
    const host = await hostOn(db, { awaitScim: false });
    await until(`it waits for ${table}`, () => isWaitingFor(db, table));
    await host.kill();
    await writer.query('COMMIT');
    await comesWhole(db, whole);
  });

  test.each(['users', 'unleash_session'])('while it builds the index of %s, finishes at the next start', async (table) => {
    const { db, whole } = await unmigrated();
    await migrate(replicaOf(db).database);
    const writer = await holdWriting(db, table);
    const host = await hostOn(db, { awaitScim: false });
    await until(`it builds the index of ${table}`, () => isIndexing(db, table, 'waiting for writers before build'));
    await host.kill();
    await writer.query('COMMIT');
    await comesWhole(db, whole);
  });
});

describe('replicas that start at the same moment', () => {
  const serveAlike = async (db: Database, hosts: readonly Host[], people: number): Promise<void> => {
    expect(await db.query('SELECT name FROM scim_migrations ORDER BY version')).toEqual(
      (await fileNames()).map((name) => ({ name })),
    );
    for (const host of hosts) {
      expect((await clientOf(host).get('/Users?count=0').expect(200)).body.totalResults).toBe(people);
    }
    const indexes = Object.values(await hostIndexes(db));
    expect(indexes.length).toBeGreaterThan(INDEXED.length);
    expect(indexes).not.toContain(false);
    const [first] = hosts;
    if (first === undefined) throw new Error('there are replicas');
    const { body } = await clientOf(first).post('/Users', userBody('seen-by-all')).expect(201);
    for (const host of hosts) {
      await clientOf(host).get(`/Users/${body.id}`).expect(200);
      expect(host.logs()).not.toMatch(/SCIM is not available/);
    }
  };

  test('serve alike, on an empty database', async () => {
    const db = owned(await createDatabase({ empty: true }));
    await db.query(TABLE_BEFORE_THE_LOCK_OF_THE_HOST);
    await serveAlike(db, await Promise.all([hostOn(db), hostOn(db)]), 0);
  });

  test('serve alike, on one that is full of people of Unleash Enterprise', async () => {
    const { db } = await unmigrated();
    await db.query(`INSERT INTO users (email, scim_id) SELECT n || '@example.com', 'left-' || n FROM generate_series(1, 5000) n`);
    await serveAlike(db, await Promise.all([hostOn(db), hostOn(db), hostOn(db)]), 5_000);
  });
});
