import { readdir, readFile } from 'node:fs/promises';
import { afterEach, expect, test } from '@jest/globals';
import pg from 'pg';
import { Database as ScimDatabase } from '../../lib/stores/database.js';
import { migrate } from '../../lib/stores/migrations.js';
import { adminSession, scim as clientOf } from '../support/clients.js';
import { createDatabase, type Database } from '../support/database.js';
import { type Host, startHost } from '../support/host-process.js';
import { ADMIN_ROLE, provision, provisionGroup, setActive, userBody } from '../support/provisioning.js';

const FOLDER = new URL('../../../migrations/', import.meta.url);
const ENDS = { databases: [] as Database[], pools: [] as pg.Pool[], hosts: [] as Host[] };

afterEach(async () => {
  await Promise.all(ENDS.hosts.splice(0).map((host) => host.stop()));
  await Promise.all(ENDS.pools.splice(0).map((pool) => pool.end()));
  await Promise.all(ENDS.databases.splice(0).map((db) => db.drop()));
});

/** A database that a host has migrated, ours included. */
const migrated = async (): Promise<Database> => {
  const db = await createDatabase();
  ENDS.databases.push(db);
  return db;
};

const hostOn = async (database: Database): Promise<Host> => {
  const host = await startHost({ database });
  ENDS.hosts.push(host);
  return host;
};

const down = async (db: Database): Promise<unknown> => db.query(await readFile(new URL('down.sql', FOLDER), 'utf8'));

/** The stores' database over a pool of its own, as another replica has one. */
const replicaOf = (db: Database): ScimDatabase => {
  const pool = new pg.Pool({ ...db.connection, max: 2 });
  ENDS.pools.push(pool);
  const client = {
    acquireConnection: () => pool.connect(),
    releaseConnection: (connection: unknown) => (connection as pg.PoolClient).release(),
  };
  return new ScimDatabase({ client }, { prepared: true });
};

/** Every object of the schema that bears our prefix. */
const ourObjects = async (db: Database): Promise<readonly string[]> => {
  const rows = await db.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname LIKE 'scim\\_%'
     UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'scim\\_%'
     UNION ALL SELECT conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conname LIKE 'scim\\_%' ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
};

const fileNames = async (): Promise<readonly string[]> => (await readdir(FOLDER)).filter((name) => /^\d{3}-/.test(name)).sort();

test('down.sql leaves people, groups, memberships, roles and the log as they are, nothing of ours, and a host that starts', async () => {
  const db = await migrated();
  const host = await hostOn(db);
  const scene = { db, scim: clientOf(host) };
  const [person, suspended] = [
    await provision(scene, 'stays@example.com', { displayName: 'Stays' }),
    await provision(scene, 'suspended@example.com'),
  ];
  const group = await provisionGroup(scene, 'stays', [person, suspended]);
  await db.query('UPDATE groups SET root_role_id = $2 WHERE id = $1', [group.hostId, ADMIN_ROLE]);
  await scene.scim.patch(`/Users/${suspended.id}`, setActive(false)).expect(200);
  await host.stop();
  const rows = async (): Promise<unknown> => ({
    users: await db.query('SELECT id, name, username, email, email_hash, deleted_at FROM users ORDER BY id'),
    roles: await db.query('SELECT role_id, user_id, project FROM role_user ORDER BY 1, 2, 3'),
    groups: await db.query('SELECT id, name, root_role_id FROM groups ORDER BY id'),
    members: await db.query('SELECT group_id, user_id FROM group_user ORDER BY 1, 2'),
    events: await db.query('SELECT id, type, data, pre_data FROM events ORDER BY id'),
  });
  const before = await rows();

  await down(db);
  expect(await rows()).toEqual(before);
  expect(await ourObjects(db)).toEqual([]);
  expect(
    await db.query('SELECT 1 FROM users WHERE scim_id IS NOT NULL UNION ALL SELECT 1 FROM groups WHERE scim_id IS NOT NULL'),
  ).toEqual([]);
  expect(await db.query(`SELECT 1 FROM settings WHERE name = 'scim'`)).toEqual([]);
  // A second run finds nothing to do.
  await down(db);

  // The host without ours serves its people as local ones, editable by its pages.
  const plain = await startHost({ database: db, hostOptions: { enterpriseVersion: '' } });
  ENDS.hosts.push(plain);
  const admin = await adminSession(plain);
  await admin.put(`/api/admin/user-admin/${person.hostId}`).send({ name: 'Local now', rootRole: 3 }).expect(200);
  expect(await ourObjects(db)).toEqual([]);
  await plain.stop();

  // And ours comes back, and takes the same people over.
  const again = await hostOn(db);
  const { body } = await clientOf(again).post('/Users', userBody('stays@example.com')).expect(201);
  expect(await db.query('SELECT id FROM users WHERE scim_id = $1', [body.id])).toEqual([{ id: person.hostId }]);
});

test('running the migrations again applies nothing and changes nothing', async () => {
  const db = await migrated();
  const before = await ourObjects(db);
  expect(await migrate(replicaOf(db))).toEqual([]);
  expect(await ourObjects(db)).toEqual(before);
});

test('of replicas that migrate at the same time one applies everything, once', async () => {
  const db = await migrated();
  const before = await ourObjects(db);
  await down(db);
  const applied = await Promise.all(Array.from({ length: 5 }, () => migrate(replicaOf(db))));
  expect(applied.filter((names) => names.length > 0)).toEqual([await fileNames()]);
  expect(await ourObjects(db)).toEqual(before);
});

test('a migration that fails leaves nothing half made, and the next run makes all of it', async () => {
  const db = await migrated();
  await down(db);
  await db.query('CREATE TABLE scim_parked_members (something text)');
  await expect(migrate(replicaOf(db))).rejects.toThrow(/already exists/);
  expect(await ourObjects(db)).toEqual(['scim_parked_members']);
  await db.query('DROP TABLE scim_parked_members');
  expect(await migrate(replicaOf(db))).toEqual(await fileNames());
});

test("the host's tables have no constraint of ours, so that a later version of the host cannot fail on one", async () => {
  const db = await migrated();
  const rows = await db.query(
    `SELECT c.conname FROM pg_constraint c WHERE c.conname LIKE '%scim%' AND c.conrelid::regclass::text NOT LIKE 'scim\\_%'
     AND c.conname NOT LIKE 'users_scim%' AND c.conname NOT LIKE 'groups_scim%'`,
  );
  expect(rows).toEqual([]);
});
