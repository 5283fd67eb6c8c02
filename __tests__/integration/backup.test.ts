import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { catalogOf } from '../support/catalog.js';
import { adminSession, scim as clientOf, type ScimClient } from '../support/clients.js';
import { createDatabase, type Database } from '../support/database.js';
import { startHost, TEST_TOKEN } from '../support/host-process.js';
import { withMigrating } from '../support/migrating.js';
import { canDump, runTool } from '../support/postgres-tools.js';
import { addMembers, type Provisioned, provision, provisionGroup, setActive, userBody } from '../support/provisioning.js';

const { migrated, owned, hostOn } = withMigrating();

/** Everything that SCIM says of people and groups, addresses aside: another host has another port. */
const said = async (scim: ScimClient): Promise<unknown> => {
  const pages = [];
  for (const endpoint of ['/Users', '/Groups']) {
    const { text } = await scim.get(`${endpoint}?count=1000`).expect(200);
    pages.push(JSON.parse(text.replaceAll(/http:\/\/127\.0\.0\.1:\d+/g, '')));
  }
  return pages;
};

interface Scene {
  readonly db: Database;
  readonly people: readonly Provisioned[];
  readonly group: Provisioned;
  readonly shown: unknown;
}

/** People and groups in every state, on a host that has stopped. */
const fill = async (db: Database): Promise<Scene> => {
  const host = await startHost({ database: db });
  const scim = clientOf(host);
  const world = { db, scim };
  const people = [];
  for (const name of ['active', 'suspended', 'deleted']) {
    // Host ids leave gaps, so that there are several buckets to count.
    await db.query(`SELECT setval('users_id_seq', nextval('users_id_seq') + 2000)`);
    people.push(await provision(world, `${name}@example.com`, { displayName: name, title: 'Dr', externalId: `ext-${name}` }));
  }
  await db.query(`INSERT INTO users (username, scim_id) VALUES ('odd', 'odd "id" / ü')`);
  const group = await provisionGroup(world, 'filled', people);
  await scim.patch(`/Users/${people[1]?.id}`, setActive(false)).expect(200);
  await scim.delete(`/Users/${people[2]?.id}`).expect(204);
  const shown = await said(scim);
  await host.stop();
  await db.disconnect();
  return { db, people, group, shown };
};

const made: { scene?: Scene } = {};
beforeAll(async () => {
  made.scene = await fill(await createDatabase());
}, 180_000);
afterAll(() => made.scene?.db.drop());

/** What every test takes its copies from, and none changes. */
const scene = (): Scene => {
  if (made.scene === undefined) throw new Error('the scene exists only while tests run');
  return made.scene;
};

/** A host on the copy serves the same, and everything works there. */
const worksOn = async (copy: Database): Promise<void> => {
  const { people, group, shown } = scene();
  const scim = clientOf(await hostOn(copy));
  expect(await said(scim)).toEqual(shown);
  const { body } = await scim.post('/Users', userBody('new@example.com')).expect(201);
  await scim.patch(`/Groups/${group.id}`, addMembers(body.id)).expect(204);
  await scim.patch(`/Users/${people[1]?.id}`, setActive(true)).expect(200);
  expect((await scim.get(`/Groups/${group.id}`).expect(200)).body.members).toHaveLength(3);
  await scim.delete(`/Users/${body.id}`).expect(204);
  const { body: list } = await scim.get('/Users?startIndex=3&count=1').expect(200);
  expect(list).toMatchObject({ totalResults: 3, itemsPerPage: 1 });
};

/** What is ours in the schema; Postgres itself writes some definitions of the host in another form when they are restored. */
const ourCatalog = async (db: Database): Promise<readonly string[]> =>
  Object.values(await catalogOf(db))
    .flat()
    .filter((line) => line.includes('scim_') && !/^(users|groups)\./.test(line));

const emptyCopy = async (): Promise<Database> => owned(await createDatabase({ empty: true }));

const copyOf = async (db: Database): Promise<Database> => {
  const copy = await emptyCopy();
  const server = new pg.Client({ ...db.connection, database: 'postgres' });
  await server.connect();
  try {
    await server.query(`DROP DATABASE ${copy.name}`);
    await server.query(`CREATE DATABASE ${copy.name} TEMPLATE ${db.name}`);
  } finally {
    await server.end();
  }
  return copy;
};

test('a copy of the database is served as the original: same ids, versions, suspended people and token', async () => {
  await worksOn(await copyOf(scene().db));
});

test('a backup brings back the token and the people of its time, until a new token is made', async () => {
  const { db, people } = scene();
  const backup = await copyOf(db);
  const host = await hostOn(await copyOf(db));
  const answer = await (await adminSession(host)).post('/api/admin/scim-settings/generate-new-token').expect(200);
  const now = clientOf(host, { token: answer.body.token });
  await clientOf(host).get('/Users').expect(401);
  await now.patch(`/Users/${people[0]?.id}`, setActive(false)).expect(200);

  const restored = await hostOn(backup);
  const { body } = await clientOf(restored, { token: TEST_TOKEN }).get(`/Users/${people[0]?.id}`).expect(200);
  expect(body.active).toBe(true);
  await clientOf(restored, { token: answer.body.token }).get('/Users').expect(401);
  await (await adminSession(restored)).post('/api/admin/scim-settings/generate-new-token').expect(200);
  await clientOf(restored, { token: TEST_TOKEN }).get('/Users').expect(401);
});

test.each([
  ['twice, as where a restore fired the triggers', 'UPDATE scim_page_counts SET people = people * 2'],
  ['not at all, as where a restore kept the triggers from firing', 'DELETE FROM scim_page_counts'],
  ['in the wrong place', 'UPDATE scim_page_counts SET bucket = bucket + 100'],
])('people who were counted %s are counted anew at the start', async (_how, miscount) => {
  const db = await copyOf(scene().db);
  await db.query(miscount);
  expect(await said(clientOf(await hostOn(db)))).toEqual(scene().shown);
});

const describeDumps = (await canDump()) ? describe : describe.skip;

describeDumps('pg_dump and pg_restore', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'unleash-scim-dump-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const dump = async (db: Database, ...args: readonly string[]): Promise<string> => {
    const file = join(folder, `${db.name}.dump`);
    await runTool(db, 'pg_dump', ['-Fc', '-f', file, ...args]);
    return file;
  };

  const restore = (db: Database, file: string, ...args: readonly string[]): Promise<void> =>
    runTool(db, 'pg_restore', ['-d', db.name, '--exit-on-error', '--no-owner', ...args, file]);

  /** The host's tables and ours, made by a start and then emptied, as for a restore of data alone. */
  const emptied = async (): Promise<Database> => {
    const db = await migrated();
    await db.query(`DO $$ BEGIN EXECUTE (SELECT 'TRUNCATE ' || string_agg(format('%I', relname), ', ') || ' CASCADE'
      FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'); END $$`);
    return db;
  };

  test('carry everything to an empty database', async () => {
    const copy = await emptyCopy();
    await restore(copy, await dump(scene().db), '--jobs=2');
    expect(await ourCatalog(copy)).toEqual(await ourCatalog(await copyOf(scene().db)));
    await worksOn(copy);
  });

  test('carry everything over a database that has something already, with --clean', async () => {
    const copy = await migrated();
    await restore(copy, await dump(scene().db), '--clean', '--if-exists', '--single-transaction');
    expect(await ourCatalog(copy)).toEqual(await ourCatalog(await copyOf(scene().db)));
    await worksOn(copy);
  });

  test('carry the data alone, with --disable-triggers', async () => {
    const copy = await emptied();
    await restore(copy, await dump(scene().db), '--data-only', '--disable-triggers', '--single-transaction');
    await worksOn(copy);
  });

  test('refuse the data alone where triggers fire, and leave nothing of it', async () => {
    const copy = await emptied();
    const file = await dump(scene().db);
    await expect(restore(copy, file, '--data-only', '--single-transaction')).rejects.toThrow(/duplicate key|foreign key/);
    expect(await copy.query('SELECT 1 FROM users UNION ALL SELECT 1 FROM scim_users')).toEqual([]);
    await restore(copy, file, '--data-only', '--disable-triggers', '--single-transaction');
    await worksOn(copy);
  });
});
