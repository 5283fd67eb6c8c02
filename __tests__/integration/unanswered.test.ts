import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import pg from 'pg';
import { type HostPool, OwnConnections } from '../../lib/host/own-connections.js';
import { sql } from '../../lib/sql/sql.js';
import { Database as ScimDatabase } from '../../lib/stores/database.js';
import { createDatabase, type Database } from '../support/database.js';
import { type PostgresProxy, startPostgresProxy } from '../support/postgres-proxy.js';
import { startTcpProxy } from '../support/tcp-proxy.js';

/** Longer than any statement may take, and than the operating system waits for nobody. */
const LONG_MS = 80_000;
const LISTENING_MS = 5_000;
const FAR_LESS_THAN_TCP_MS = 30_000;

let db: Database;
const ends: (() => Promise<unknown> | undefined)[] = [];

beforeEach(async () => {
  db = await createDatabase();
});

afterEach(async () => {
  jest.useRealTimers();
  for (const end of ends.splice(0).reverse()) await end();
  await db.drop();
});

/** A pool as the host's knex makes one, over the same driver. */
const hostPool = (port: number): HostPool & { close(): void } => {
  const listeners: (() => void)[] = [];
  const client: HostPool['client'] = {
    config: {},
    connectionSettings: { ...db.connection, port },
    pool: { on: (_event, listener) => listeners.push(listener) },
    acquireConnection: () => Promise.reject(new Error('this is about connections of our own')),
    releaseConnection: () => undefined,
    getPoolSettings() {
      const { connectionSettings } = this;
      const ended = new WeakSet<object>();
      return {
        create: async () => {
          const connection = new pg.Client(connectionSettings);
          for (const event of ['error', 'end'] as const) connection.on(event, () => ended.add(connection));
          await connection.connect();
          return connection;
        },
        destroy: async (connection) => {
          if (connection instanceof pg.Client) await connection.end();
        },
        validate: (connection) => typeof connection === 'object' && connection !== null && !ended.has(connection),
      };
    },
  };
  const close = (): void => {
    for (const listener of listeners) listener();
  };
  return { client, close };
};

const ownDatabase = (port: number): ScimDatabase => {
  const pool = hostPool(port);
  ends.push(async () => pool.close());
  return new ScimDatabase(new OwnConnections(pool, { size: 1, areSessions: true }), { prepared: true });
};

const UNAVAILABLE = { name: 'ScimError', kind: 'unavailable', message: expect.stringMatching(/cannot be reached|busy/) };

const startSilentProxy = async (): Promise<PostgresProxy> => {
  const proxy = await startPostgresProxy(db.connection.port);
  ends.push(() => proxy.stop());
  return proxy;
};

test('a statement whose answer never comes, while the connection stays, is given up after a time that no statement may take', async () => {
  // Only what looks after the connections now and then: sockets go by real time.
  jest.useFakeTimers({
    now: Date.now(),
    doNotFake: [
      'nextTick',
      'setImmediate',
      'clearImmediate',
      'setTimeout',
      'clearTimeout',
      'queueMicrotask',
      'hrtime',
      'performance',
    ],
  });
  const proxy = await startSilentProxy();
  const database = ownDatabase(proxy.port);
  expect(await database.query(sql`SELECT 1 AS one`)).toEqual([{ one: 1 }]);
  await db.query('CREATE TABLE told (times integer)');
  proxy.arm(1, 'silence');
  const outcome = database.query(sql`INSERT INTO told VALUES (1)`).catch((error: unknown) => error);
  // Postgres has carried it out, and nobody will tell.
  for (let poll = 0; poll < 200 && (await db.query('SELECT 1 FROM told')).length === 0; poll += 1) await sleep(20);
  for (let passed = 0; passed < LONG_MS; passed += LISTENING_MS) jest.advanceTimersByTime(LISTENING_MS);
  expect(await outcome).toMatchObject(UNAVAILABLE);
  expect(await db.query('SELECT times FROM told')).toEqual([{ times: 1 }]);
  expect(await database.query(sql`SELECT 1 AS one`)).toEqual([{ one: 1 }]);
});

test('a database that accepts connections and never answers is given up soon, and no socket stays open', async () => {
  let isDeaf = true;
  let opened = 0;
  let closed = 0;
  const proxy = await startTcpProxy(db.connection.port, () => ({
    fromClient: (bytes, { client, server }) => {
      if (!isDeaf) {
        server.write(bytes);
        return;
      }
      opened += 1;
      client.once('close', () => {
        closed += 1;
      });
    },
    fromServer: (bytes, { client }) => client.write(bytes),
  }));
  ends.push(() => proxy.stop());
  const database = ownDatabase(proxy.port);
  const begun = Date.now();
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, () => database.query(sql`SELECT 1`).catch((error: unknown) => error)),
  );
  for (const outcome of outcomes) expect(outcome).toMatchObject(UNAVAILABLE);
  expect(Date.now() - begun).toBeLessThan(FAR_LESS_THAN_TCP_MS);
  for (let poll = 0; poll < 400 && closed < opened; poll += 1) await sleep(20);
  expect(opened).toBeGreaterThan(0);
  expect(closed).toBe(opened);

  isDeaf = false;
  expect(await database.query(sql`SELECT 1 AS one`)).toEqual([{ one: 1 }]);
});

test('a database that is not there is told to everybody who waits, at once', async () => {
  const proxy = await startSilentProxy();
  const database = ownDatabase(proxy.port);
  await proxy.stop();
  ends.splice(ends.length - 2, 1);
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, () => database.query(sql`SELECT 1`).catch((error: unknown) => error)),
  );
  // One by one with a pause between them, most would only have been told that the database is busy.
  for (const outcome of outcomes)
    expect(outcome).toMatchObject({ kind: 'unavailable', message: expect.stringMatching(/cannot be reached/) });
});
