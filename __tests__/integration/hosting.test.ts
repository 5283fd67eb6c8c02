import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { adminSession, scim as clientOf } from '../support/clients.js';
import { createDatabase, type Database } from '../support/database.js';
import { type Host, type HostOptions, startHost } from '../support/host-process.js';
import { userBody } from '../support/provisioning.js';

/** Classes of advisory locks: ours, and the one that migrating waits for. */
const OUR_LOCKS = 0x5343_494d;
const MIGRATION_LOCK = 1;

const open: { databases: Database[]; hosts: Host[] } = { databases: [], hosts: [] };

const database = async (): Promise<Database> => {
  const db = await createDatabase();
  open.databases.push(db);
  return db;
};

const hostOn = async (db: Database, options: Omit<HostOptions, 'database'> = {}): Promise<Host> => {
  const host = await startHost({ ...options, database: db });
  open.hosts.push(host);
  return host;
};

afterEach(async () => {
  await Promise.all(open.hosts.splice(0).map((host) => host.stop()));
  await Promise.all(open.databases.splice(0).map((db) => db.drop()));
});

const ourTables = async (db: Database): Promise<readonly string[]> => {
  const rows = await db.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_name LIKE 'scim\\_%' ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
};

const removeOurs = async (db: Database): Promise<unknown> =>
  db.query(await readFile(new URL('../../../migrations/down.sql', import.meta.url), 'utf8'));

const expectUnavailable = async (host: Host, detail: RegExp): Promise<void> => {
  for (const path of ['/Users', '/v2/ServiceProviderConfig']) {
    const answer = await clientOf(host)
      .get(path)
      .expect(503)
      .expect('content-type', /^application\/scim\+json/);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(answer.body).toMatchObject({ status: '503', detail: expect.stringMatching(detail) });
    expect(answer.text).not.toMatch(/relation|column|SELECT/);
  }
};

describe('without the enterprise flag of the host', () => {
  test('nothing is mounted and nothing migrated: the paths are what the host does with unknown ones', async () => {
    const db = await database();
    await removeOurs(db);
    const host = await hostOn(db, { hostOptions: { enterpriseVersion: '' } });
    expect(await ourTables(db)).toEqual([]);
    const unknown = await request(host.url).get('/no/such/path');
    for (const path of ['/scim/Users', '/scim/v2/Users', '/scim']) {
      const answer = await request(host.url).get(path).set('Authorization', `Bearer ${host.token}`);
      expect([path, answer.status, answer.headers['content-type']]).toEqual([
        path,
        unknown.status,
        unknown.headers['content-type'],
      ]);
      expect(answer.text).toBe(unknown.text);
    }
    const admin = await adminSession(host);
    await admin.get('/api/admin/scim-settings').expect(404);
    await admin.get('/api/admin/projects').expect(200);
  });
});

describe('while the tables of SCIM are not there', () => {
  test('SCIM answers 503 with Retry-After and the host serves; when they are, SCIM goes on by itself, also after a lost connection', async () => {
    const db = await database();
    const key = [OUR_LOCKS, MIGRATION_LOCK];
    await db.query('SELECT pg_advisory_lock($1, $2)', key);
    const host = await hostOn(db, { awaitScim: false });
    await expectUnavailable(host, /starting/);
    await (await adminSession(host)).get('/api/admin/projects').expect(200);
    const lost = await db.query(
      `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = $1 AND objid = $2 AND NOT granted`,
      key,
    );
    expect(lost).toHaveLength(1);
    // The lock ends with its connection.
    await db.disconnect();
    const deadline = Date.now() + 10_000;
    while ((await clientOf(host).get('/Users')).status === 503 && Date.now() < deadline) await sleep(50);
    await clientOf(host).get('/Users').expect(200);
  });

  test('and cannot be made, SCIM stays 503 and says where to look, the host serves logins and pages, and nothing of ours is half made', async () => {
    const db = await database();
    await removeOurs(db);
    await db.query('CREATE TABLE scim_users (somebody text)');
    const host = await hostOn(db, {
      awaitScim: false,
      hostOptions: { modulePath: fileURLToPath(new URL('../support/sso-login.js', import.meta.url)) },
    });
    const deadline = Date.now() + 10_000;
    while (!host.logs().includes('SCIM is not available') && Date.now() < deadline) await sleep(50);
    await expectUnavailable(host, /log/);
    await (await adminSession(host)).get('/api/admin/projects').expect(200);
    await request(host.url).post('/sso/login').send({ email: 'sso@example.com' }).expect(200);
    expect(await ourTables(db)).toEqual(['scim_users']);

    await host.stop();
    await db.query('DROP TABLE scim_users');
    await clientOf(await hostOn(db))
      .post('/Users', userBody('made-after-all'))
      .expect(201);
  });

  test('because the option defaultRootRole names no root role, SCIM is 503 and the log names the option', async () => {
    const host = await hostOn(await database(), { awaitScim: false, scimOptions: { defaultRootRole: 'Emperor' } });
    const deadline = Date.now() + 10_000;
    while (!host.logs().includes('Emperor') && Date.now() < deadline) await sleep(50);
    await expectUnavailable(host, /log/);
    expect(host.logs()).toMatch(/"defaultRootRole" is "Emperor"/);
  });
});

describe('embedding', () => {
  test("keeps the embedder's own hooks, and a route of theirs wins over ours", async () => {
    const host = await hostOn(await database(), {
      hostOptions: { modulePath: fileURLToPath(new URL('../support/embedder-hooks.js', import.meta.url)) },
    });
    await request(host.url).get('/own/before').expect(200, { hook: 'preHook' });
    await request(host.url).get('/own/after').expect(200, { hook: 'preRouterHook' });
    const admin = await adminSession(host);
    await admin.get('/api/admin/scim-settings').expect(200, { hook: 'of the embedder' });
    await admin.post('/api/admin/scim-settings').send({ enabled: true }).expect(200);
    await clientOf(host).get('/Users').expect(200);
  });

  test('refuses an unknown option at the start, and names it', async () => {
    await expect(hostOn(await database(), { scimOptions: { retainAdminAcces: false } as object })).rejects.toThrow(
      /"retainAdminAcces" is not allowed/,
    );
  });
});
