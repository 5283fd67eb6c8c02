import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { LogLevel } from 'unleash-server';
import { adminSession, type Session } from '../support/clients.js';
import { createDatabase, type Database } from '../support/database.js';
import { type Host, startHost, TEST_TOKEN } from '../support/host-process.js';
import { endOfLog, IS_REPORT } from '../support/provisioning.js';
import { type RawAnswer, RawSender } from '../support/raw-request.js';
import { withWorld } from '../support/test-world.js';

/** 401 answers in a minute to one address, and to tokens that begin alike. */
const BOUND = 120;
/** Times that a replica reads the settings for tokens that it does not know. */
const LOOK_UPS = { perSecond: 20, burst: 20 };
const NEW_TOKEN = '/api/admin/scim-settings/generate-new-token';

const sender = new RawSender();
afterAll(() => sender.close());

let counter = 0;
/** Tokens of which no two begin alike. */
const guess = (): string => {
  counter += 1;
  return `${counter.toString(36).padStart(4, '0')}-and-so-on-and-so-on-and-so-on-and-so-on`;
};

const timesOf = (answers: readonly RawAnswer[]): Readonly<Record<number, number>> => {
  const times: Record<number, number> = {};
  for (const { status } of answers) times[status] = (times[status] ?? 0) + 1;
  return times;
};

const right = (host: Host, from: string, token = TEST_TOKEN, path = '/Users?count=0'): Promise<RawAnswer> =>
  sender.get(host, { from, authorization: `Bearer ${token}`, path });
const wrong = (host: Host, from: string, token = guess(), headers = {}): Promise<RawAnswer> =>
  sender.get(host, { from, authorization: `Bearer ${token}`, headers });

/** At once, for they share their look-ups. */
const together = (count: number, send: (index: number) => Promise<RawAnswer>): Promise<readonly RawAnswer[]> =>
  Promise.all(Array.from({ length: count }, (_none, index) => send(index)));

const expectThrottled = ({ status, retryAfter, body }: RawAnswer): void => {
  expect(status).toBe(429);
  expect(Number(retryAfter)).toBeGreaterThanOrEqual(1);
  expect(Number(retryAfter)).toBeLessThanOrEqual(60);
  expect(body).toMatchObject({ schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'], status: '429' });
  expect(body.detail).toMatch(/SCIM page/);
};

describe('requests without the right token', () => {
  const world = withWorld();

  test('are 429 with Retry-After beyond a bound for their address; others, and the right token from there, are not hurt', async () => {
    const { host } = world();
    const from = '127.0.0.2';
    // The proxy that is asked may say what it likes.
    const refused = await together(BOUND, (i) => wrong(host, from, guess(), { 'x-forwarded-for': `192.0.2.${i}` }));
    for (const answer of refused) expect(answer).toMatchObject({ status: 401, retryAfter: undefined });
    expectThrottled(await wrong(host, from));
    expectThrottled(await sender.get(host, { from, authorization: null }));
    expect((await wrong(host, '127.0.0.3')).status).toBe(401);
    const asked = await Promise.all(Array.from({ length: 200 }, () => right(host, from)));
    expect(timesOf(asked)).toEqual({ 200: 200 });
    for (const path of ['/ServiceProviderConfig', '/Schemas', '/Groups']) {
      expect((await right(host, from, TEST_TOKEN, path)).status).toBe(200);
    }
  });

  test('are 429 with Retry-After beyond a bound for the beginning of their token, wherever they come from', async () => {
    const { host } = world();
    const stuck = `unleash_scim_AbCd${'x'.repeat(45)}`;
    const refused = await together(BOUND, (i) => wrong(host, `127.0.1.${i + 1}`, i % 2 === 0 ? stuck : `${stuck}y`));
    expect(timesOf(refused)).toEqual({ 401: BOUND });
    expectThrottled(await wrong(host, '127.0.2.1', stuck));
    expect((await wrong(host, '127.0.2.1')).status).toBe(401);
    // Whatever the right one begins with.
    await together(BOUND + 10, (i) => wrong(host, `127.0.3.${i + 1}`, `${TEST_TOKEN}x`));
    expectThrottled(await wrong(host, '127.0.2.1', `${TEST_TOKEN}x`));
    expect((await right(host, '127.0.2.1')).status).toBe(200);
  });
});

describe('two replicas, of which one is flooded', () => {
  const open: { db?: Database; first?: Host; second?: Host; admin?: Session } = {};
  const replicas = () => {
    const { db, first, second, admin } = open;
    if (db === undefined || first === undefined || second === undefined || admin === undefined) throw new Error('not up');
    return { db, first, second, admin };
  };

  beforeAll(async () => {
    open.db = await createDatabase();
    open.first = await startHost({ database: open.db });
    open.second = await startHost({ database: open.db, scimOptions: { poolSize: 1 } });
    open.admin = await adminSession(open.first);
  });

  afterAll(async () => {
    await Promise.all([open.first?.stop(), open.second?.stop()]);
    await open.db?.drop();
  });

  const newToken = async (): Promise<string> => {
    const { body } = await replicas().admin.post(NEW_TOKEN).set('Content-Type', 'application/json').expect(200);
    return body.token;
  };

  /** Wrong tokens from 40 connections, as quick as they go, until it is told to stop. */
  const flood = (host: Host, from: string): { stop(): Promise<readonly RawAnswer[]> } => {
    const answers: RawAnswer[] = [];
    const state = { goesOn: true };
    const connections = Array.from({ length: 40 }, async () => {
      while (state.goesOn) answers.push(await wrong(host, from));
    });
    return {
      stop: async () => {
        state.goesOn = false;
        await Promise.all(connections);
        return answers;
      },
    };
  };

  const readsOf = async (db: Database): Promise<number> => {
    const [row] = await db.query<{ reads: number }>(
      `SELECT (seq_scan + coalesce(idx_scan, 0))::integer AS reads FROM pg_stat_user_tables WHERE relname = 'scim_token'`,
    );
    return row?.reads ?? 0;
  };
  /** Postgres adds up what a connection did once a second, at the end of a statement. */
  const readsSoFar = async (token: string): Promise<number> => {
    const { db, second } = replicas();
    for (let i = 0; i < 2; i += 1) {
      await sleep(1_200);
      await right(second, '127.0.0.9', token);
    }
    return readsOf(db);
  };

  test('wrong tokens cost the database no more than a bounded number of reads a second, however many come', async () => {
    const { second } = replicas();
    const before = await readsSoFar(TEST_TOKEN);
    const begunAt = performance.now();
    const flooding = flood(second, '127.0.0.4');
    await sleep(3_000);
    const answers = await flooding.stop();
    const seconds = (performance.now() - begunAt) / 1000;
    const reads = (await readsSoFar(TEST_TOKEN)) - before;
    // The two requests that make Postgres add up read the table too.
    expect(reads).toBeLessThanOrEqual(LOOK_UPS.burst + LOOK_UPS.perSecond * seconds + 5);
    expect(reads).toBeGreaterThan(10);
    expect(answers.length).toBeGreaterThan(5 * reads);
    expect(timesOf(answers)).toEqual({ 401: BOUND, 429: answers.length - BOUND });
  });

  test('the right token is let in from the same address all the while, also the moment after it was made on the other', async () => {
    const { second } = replicas();
    const from = '127.0.0.5';
    const flooding = flood(second, from);
    await sleep(500);
    const answers: RawAnswer[] = [];
    for (let round = 0; round < 5; round += 1) {
      const token = await newToken();
      for (let i = 0; i < 20; i += 1) answers.push(await right(second, from, token));
      answers.push(await right(second, from, token, '/ServiceProviderConfig'));
    }
    expect(timesOf(answers)).toEqual({ 200: 105 });
    const flooded = await flooding.stop();
    expect(flooded.length).toBeGreaterThan(200);
    expect(flooded.filter(({ status }) => ![401, 429].includes(status))).toEqual([]);
  });

  test('a wrong token takes one read of the settings, whatever its form', async () => {
    const { second } = replicas();
    const token = await newToken();
    await right(second, '127.0.0.9', token);
    const before = await readsSoFar(token);
    const checksum = token.slice(0, -1) + (token.endsWith('0') ? '1' : '0');
    const forms: readonly (string | null)[] = [
      null,
      'Bearer',
      'Basic dXNlcjpwYXNzd29yZA==',
      token,
      'Bearer x',
      `Bearer ${checksum}`,
      `Bearer ${token}x`,
      `Bearer ${token.slice(0, -1)}`,
      `Bearer unleash_scim_${'x'.repeat(49)}`,
      `Bearer ${'\u00e9'.repeat(40)}`,
      `Bearer ${'x'.repeat(8_192)}`,
      `Bearer ${token} ${token}`,
    ];
    for (const authorization of forms) {
      const answer = await sender.get(second, { from: '127.0.0.6', authorization });
      expect({ authorization, status: answer.status }).toEqual({ authorization, status: 401 });
    }
    // Two more make Postgres add up.
    expect(await readsSoFar(token)).toBe(before + forms.length + 2);
  });
});

describe('a report of requests without the right token', () => {
  const world = withWorld({
    hostOptions: { logLevel: 'warn' as LogLevel },
    // The host then refuses to show an event that is not as its own description of events says.
    env: { UNLEASH_STRICT_SCHEMA_VALIDTION: 'true' },
  });

  const reportsSince = (mark: number) =>
    world().db.query<{ id: number; type: string; created_by: string; created_by_user_id: number; data: Report }>(
      `SELECT id, type, created_by, created_by_user_id, data FROM events WHERE id > $1 AND ${IS_REPORT}`,
      [mark],
    );
  interface Report {
    readonly id: string;
    readonly failedAuthentications: Record<string, unknown>;
  }

  test('is a line in the log and an event that the event log shows, without the token, and no second one within the minute', async () => {
    const { host, db, admin } = world();
    const mark = await endOfLog(db);
    const token = `unleash_scim_QrSt${'secret-part-'.repeat(4)}`;
    const sent = Array.from({ length: 30 }, () => wrong(host, '127.0.0.7', token));
    expect(timesOf(await Promise.all(sent))).toEqual({ 401: 30 });
    for (const deadline = Date.now() + 15_000; (await reportsSince(mark)).length === 0 && Date.now() < deadline; ) {
      await sleep(100);
    }
    const [report] = await reportsSince(mark);
    expect(report).toMatchObject({
      type: 'setting-updated',
      created_by: 'SCIM',
      created_by_user_id: -1337,
      data: {
        id: 'scim',
        failedAuthentications: {
          count: expect.any(Number),
          throttled: 0,
          addresses: { largest: [{ name: '127.0.0.7', count: expect.any(Number) }], others: 0 },
          tokens: { largest: [{ name: 'unleash_scim_QrSt…', count: expect.any(Number) }], others: 0 },
          from: expect.stringMatching(/^\d{4}-.*Z$/),
          until: expect.stringMatching(/^\d{4}-.*Z$/),
        },
      },
    });
    expect(report?.data.failedAuthentications.count).toBeGreaterThan(0);
    expect(host.logs()).toMatch(/SCIM refused \d+ requests without the right token/);
    for (const text of [host.logs(), JSON.stringify(await db.query('SELECT * FROM events'))]) {
      expect(text).not.toContain('secret-part');
    }

    const all = await admin.get('/api/admin/events').expect(200);
    const found = await admin.get('/api/admin/search/events?query=failedAuthentications').expect(200);
    for (const { body } of [all, found]) {
      const shown = body.events.find(({ id }: { readonly id: number }) => id === report?.id);
      expect(shown).toMatchObject({ type: 'setting-updated', createdBy: 'SCIM', data: report?.data });
    }

    await wrong(host, '127.0.0.7');
    await sleep(2_500);
    expect(await reportsSince(mark)).toHaveLength(1);
  });
});

describe('in maintenance mode', () => {
  const world = withWorld({ hostOptions: { logLevel: 'warn' as LogLevel } });

  test('a report is in the log only: the event waits', async () => {
    const { host, db, admin } = world();
    await admin.post('/api/admin/maintenance').send({ enabled: true });
    await wrong(host, '127.0.0.8');
    for (const deadline = Date.now() + 15_000; !host.logs().includes('SCIM refused') && Date.now() < deadline; ) await sleep(100);
    expect(host.logs()).toMatch(/SCIM refused 1 requests/);
    await sleep(500);
    expect(await db.query(`SELECT data FROM events WHERE ${IS_REPORT}`)).toEqual([]);
  });
});
