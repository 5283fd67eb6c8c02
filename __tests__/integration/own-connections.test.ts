import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from '@jest/globals';
import pg from 'pg';
import request from 'supertest';
import { startProgram } from '../support/child-program.js';
import { adminSession, scim as clientOf } from '../support/clients.js';
import { createDatabase, type Database } from '../support/database.js';
import { cleanEnv, freePort, type Host, type HostOptions, startHost, TEST_TOKEN } from '../support/host-process.js';

const WAITING_PER_CONNECTION = 25;
const STOP_MAIN = fileURLToPath(new URL('../support/stop-main.js', import.meta.url));

const open: { databases: Database[]; hosts: Host[]; clients: pg.Client[] } = { databases: [], hosts: [], clients: [] };

afterEach(async () => {
  await Promise.all(open.clients.splice(0).map((client) => client.end()));
  await Promise.all(open.hosts.splice(0).map((host) => host.stop()));
  await Promise.all(open.databases.splice(0).map((db) => db.drop()));
});

const scene = async (options: Omit<HostOptions, 'database'> = {}): Promise<{ readonly db: Database; readonly host: Host }> => {
  const db = await createDatabase();
  open.databases.push(db);
  const host = await startHost({ ...options, database: db });
  open.hosts.push(host);
  return { db, host };
};

const ours = async (db: Database): Promise<readonly number[]> => {
  const rows = await db.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'unleash-scim'`,
  );
  return rows.map(({ pid }) => pid);
};

interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly detail: string | undefined;
  readonly ms: number;
}

const ask = async (host: Host): Promise<Answer> => {
  const begun = Date.now();
  const { status, headers, body } = await clientOf(host).get('/Users');
  return { status, retryAfter: headers['retry-after'], detail: body.detail, ms: Date.now() - begun };
};

/** From here on every request of SCIM waits for the database, until the lock ends. */
const holdUp = async (db: Database): Promise<{ release(): Promise<void> }> => {
  const client = new pg.Client(db.connection);
  await client.connect();
  open.clients.push(client);
  await client.query('BEGIN; LOCK TABLE scim_token IN ACCESS EXCLUSIVE MODE');
  return {
    release: async () => {
      await client.query('COMMIT');
    },
  };
};

const untilAskedBy = async (db: Database, count: number): Promise<void> => {
  for (const deadline = Date.now() + 5_000; Date.now() < deadline; await sleep(20)) {
    const [row] = await db.query<{ waiting: number }>(
      `SELECT count(*)::integer AS waiting FROM pg_stat_activity WHERE application_name = 'unleash-scim' AND wait_event_type = 'Lock'
       AND datname = current_database()`,
    );
    if (row?.waiting === count) return;
  }
  throw new Error('no statement of SCIM waits');
};

test("while SCIM is full, the host's flag API, pages and logins answer; who finds no room is told at once, who waits too long later", async () => {
  const { db, host } = await scene({ scimOptions: { poolSize: 2 }, hostOptions: { db: { pool: { min: 0, max: 2 } } } });
  const admin = await adminSession(host);
  const { body: flags } = await admin
    .post('/api/admin/api-tokens')
    .send({ tokenName: 'sdk', type: 'client', environment: 'development', projects: ['*'] })
    .expect(201);
  await Promise.all(Array.from({ length: 10 }, () => ask(host)));
  const { release } = await holdUp(db);
  const room = 2 + 2 * WAITING_PER_CONNECTION;
  const answers = Array.from({ length: room + 10 }, () => ask(host));
  await untilAskedBy(db, 2);

  for (let i = 0; i < 5; i += 1) {
    await request(host.url).get('/api/client/features').set('Authorization', flags.secret).timeout(2_000).expect(200);
    await admin.get('/api/admin/projects').timeout(2_000).expect(200);
  }
  await (await adminSession(host)).get('/api/admin/user').timeout(2_000).expect(200);

  // Those that wait are told after five seconds; the two that have a connection go on.
  await sleep(5_500);
  await release();
  const all = await Promise.all(answers);
  const refused = all.filter(({ status }) => status === 503);
  expect(all.filter(({ status }) => status === 200)).toHaveLength(2);
  expect(refused).toHaveLength(room + 8);
  for (const { retryAfter } of refused) expect(Number(retryAfter)).toBeGreaterThan(0);
  const atOnce = refused.filter(({ detail }) => /More requests/.test(detail ?? ''));
  const later = refused.filter(({ detail }) => /busy with other requests/.test(detail ?? ''));
  expect(atOnce.length + later.length).toBe(room + 8);
  // A request of the host's own may stand in the queue at this moment.
  expect(Math.abs(atOnce.length - 10)).toBeLessThanOrEqual(1);
  expect(Math.max(...atOnce.map(({ ms }) => ms))).toBeLessThan(3_000);
  expect(Math.min(...later.map(({ ms }) => ms))).toBeGreaterThan(4_500);
  expect((await ask(host)).status).toBe(200);
});

test('with one connection, and hundreds of writes that wait for a row, the flag API, health and pages answer', async () => {
  const { db, host } = await scene({ scimOptions: { poolSize: 1 }, hostOptions: { db: { pool: { min: 0, max: 2 } } } });
  const scim = clientOf(host);
  const admin = await adminSession(host);
  const { body: flags } = await admin
    .post('/api/admin/api-tokens')
    .send({ tokenName: 'sdk', type: 'client', environment: 'development', projects: ['*'] })
    .expect(201);
  const { body: person } = await scim.post('/Users', { userName: 'locked@example.com' }).expect(201);
  const client = new pg.Client(db.connection);
  open.clients.push(client);
  await client.connect();
  await client.query(`BEGIN; SELECT 1 FROM users WHERE email = 'locked@example.com' FOR UPDATE`);
  const answers = Array.from({ length: 200 }, (_none, title) =>
    scim.put(`/Users/${person.id}`, { userName: 'locked@example.com', title: String(title) }).then(({ status }) => status),
  );
  await untilAskedBy(db, 1);
  for (let turn = 0; turn < 5; turn += 1) {
    await request(host.url).get('/api/client/features').set('Authorization', flags.secret).expect(200);
    await request(host.url).get('/health').expect(200);
    await admin.get('/api/admin/user-admin').expect(200);
  }
  // All that while not one of them could go on.
  await untilAskedBy(db, 1);
  await client.query('COMMIT');
  const statuses = await Promise.all(answers);
  expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(0);
  expect(statuses.filter((status) => status !== 200 && status !== 503)).toEqual([]);
  expect((await ask(host)).status).toBe(200);
});

test("while the host's own connections are all busy, SCIM goes on; what waits for the host's goes on when they are free", async () => {
  const { db, host } = await scene({ hostOptions: { db: { pool: { min: 0, max: 2 } } } });
  const scim = clientOf(host);
  const admin = await adminSession(host);
  const client = new pg.Client(db.connection);
  open.clients.push(client);
  await client.connect();
  await client.query('BEGIN; LOCK TABLE projects IN ACCESS EXCLUSIVE MODE');
  const pages = Array.from({ length: 6 }, () => admin.get('/api/admin/projects').then(({ status }) => status));
  for (let poll = 0; poll < 250; poll += 1) {
    const waiting = await db.query(
      `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name <> 'unleash-scim'`,
    );
    if (waiting.length === 2) break;
    await sleep(20);
  }
  for (let turn = 0; turn < 5; turn += 1) {
    const { body } = await scim.post('/Users', { userName: `meanwhile-${turn}@example.com` }).expect(201);
    await scim.get(`/Users/${body.id}`).expect(200);
    await scim.delete(`/Users/${body.id}`).expect(204);
  }
  const settings = admin.get('/api/admin/scim-settings').then(({ status }) => status);
  await client.query('COMMIT');
  expect(await Promise.all([...pages, settings])).toEqual(Array(7).fill(200));
});

test('behind a pooler nothing is set on a connection that others may get', async () => {
  const { db, host } = await scene({ scimOptions: { preparedStatements: false } });
  expect((await ask(host)).status).toBe(200);
  expect(await ours(db)).toEqual([]);
});

const askedBeforeHoldUp = async (host: Host, db: Database) => {
  await ask(host);
  const { release } = await holdUp(db);
  const asked = ask(host);
  await untilAskedBy(db, 1);
  return { release, asked, pids: await ours(db) };
};

test('a connection that breaks, or a statement that takes too long, costs one request, which may come again', async () => {
  const { db, host } = await scene({ scimOptions: { poolSize: 1 } });
  const broken = await askedBeforeHoldUp(host, db);
  await db.query('SELECT pg_terminate_backend(pid) FROM unnest($1::integer[]) pid', [broken.pids]);
  expect(await broken.asked).toMatchObject({ status: 503, retryAfter: expect.stringMatching(/^[1-9]/) });
  await broken.release();

  const long = await askedBeforeHoldUp(host, db);
  // As a timeout does it.
  await db.query('SELECT pg_cancel_backend(pid) FROM unnest($1::integer[]) pid', [long.pids]);
  const detail = expect.stringMatching(/took too long/);
  expect(await long.asked).toMatchObject({ status: 503, retryAfter: expect.stringMatching(/^[1-9]/), detail });
  await long.release();
  expect((await ask(host)).status).toBe(200);
  expect(await ours(db)).toEqual(long.pids);
});

test('there are never more connections than `poolSize`, and those that break while they are idle cost nothing', async () => {
  const { db, host } = await scene({ scimOptions: { poolSize: 3 } });
  await Promise.all(Array.from({ length: 30 }, () => ask(host)));
  const before = await ours(db);
  expect(before).toHaveLength(3);
  await db.query('SELECT pg_terminate_backend(pid) FROM unnest($1::integer[]) pid', [before]);
  for (const deadline = Date.now() + 5_000; (await ours(db)).length > 0 && Date.now() < deadline; ) await sleep(20);
  // The news reaches the host a moment later.
  await sleep(200);
  const answers = await Promise.all(Array.from({ length: 30 }, () => ask(host)));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  const after = await ours(db);
  expect(after).toHaveLength(3);
  expect(after.filter((pid) => before.includes(pid))).toEqual([]);
});

test('a program that stops the host ends by itself', async () => {
  const db = await createDatabase();
  open.databases.push(db);
  const options = JSON.stringify({ connection: db.connection, port: await freePort(), token: TEST_TOKEN });
  const program = startProgram(process.execPath, [STOP_MAIN, options], {
    env: { ...cleanEnv(), SEND_TELEMETRY: 'false', LOG_LEVEL: 'error' },
  });
  await program.until('stopped');
  expect(program.output()).toContain('answered 200');
  expect(await program.exit(10_000)).toBe(0);
});
