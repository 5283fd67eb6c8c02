import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../lib/host/embedded-postgres.js';
import { postgresPid } from '../support/child-program.js';
import { scim as clientOf, type ScimClient } from '../support/clients.js';
import { type Host, startHost } from '../support/host-process.js';
import { userBody } from '../support/provisioning.js';

const TIMEOUT_MS = 180_000;
const CLIENTS = 6;
const TURNS = 60;
const PAUSE_MS = 50;

let folder: string;
let postgres: EmbeddedPostgres | undefined;
let host: Host | undefined;
let scim: ScimClient;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'unleash-scim-test-'));
  postgres = await startEmbeddedPostgres({ dataDir: folder, log: () => undefined, settings: { fsync: 'off' } });
  const { stop: _stop, ...connection } = postgres;
  const database = {
    name: connection.database,
    url: '',
    connection,
    query: () => Promise.reject(new Error('not used')),
    disconnect: async () => undefined,
    drop: async () => undefined,
  };
  host = await startHost({ database });
  scim = clientOf(host);
}, TIMEOUT_MS);

afterAll(async () => {
  await host?.stop();
  await postgres?.stop();
  await rm(folder, { recursive: true, force: true });
});

test(
  'Postgres restarts while people are created: 503 with Retry-After meanwhile, each creation is there once it was answered, and no replica is restarted',
  async () => {
    const created: string[] = [];
    const failed: string[] = [];
    let turns = 0;
    const work = Promise.all(
      Array.from({ length: CLIENTS }, async (_none, client) => {
        for (let turn = 0; turn < TURNS; turn += 1) {
          const name = `restart-${client}-${turn}@example.com`;
          const { status, headers, body } = await scim.post('/Users', userBody(name));
          turns += 1;
          if (status === 201) created.push(name);
          else {
            failed.push(name);
            expect([status, Number(headers['retry-after']) > 0, body.status]).toEqual([503, true, '503']);
            await sleep(PAUSE_MS);
          }
        }
      }),
    );
    while (turns < CLIENTS * 10) await sleep(PAUSE_MS);
    // A fast shutdown; what looks after it starts it again.
    process.kill(await postgresPid(folder), 'SIGINT');
    await work;
    for (let poll = 0; poll < 400 && (await scim.get('/Users?count=1')).status !== 200; poll += 1) await sleep(PAUSE_MS);
    expect(failed.length).toBeGreaterThan(0);
    for (const name of failed) expect([201, 409]).toContain((await scim.post('/Users', userBody(name))).status);
    const client = new pg.Client({ ...postgres });
    await client.connect();
    const { rows } = await client.query<{ email: string; events: number }>(
      `SELECT u.email, (SELECT count(*)::integer FROM events e WHERE e.type = 'user-created' AND e.data ->> 'email' = u.email) AS events
       FROM users u WHERE u.email LIKE 'restart-%'`,
    );
    await client.end();
    expect(rows.map(({ email }) => email).sort()).toEqual([...created, ...failed].sort());
    expect(rows.filter(({ events }) => events !== 1)).toEqual([]);
  },
  TIMEOUT_MS,
);
