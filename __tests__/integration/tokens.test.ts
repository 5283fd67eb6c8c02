import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import type { Response, Test } from 'supertest';
import { adminSession, type ScimClient, type Session, scim } from '../support/clients.js';
import { createDatabase, type Database } from '../support/database.js';
import { type Host, startHost } from '../support/host-process.js';
import { addMembers, endOfLog, eventsSince, groupBody, patchBody, userBody } from '../support/provisioning.js';

const SETTINGS = '/api/admin/scim-settings';
/** What was let in before a new token was made may go on for two seconds. */
const PATIENCE_MS = 2_000;

/** Two replicas that know of each other by the database alone. The first one's pages are used, the second one is asked. */
interface Replicas {
  readonly db: Database;
  readonly first: Host;
  readonly second: Host;
  readonly admin: Session;
}

const open: { db?: Database; first?: Host; second?: Host; replicas?: Replicas } = {};

beforeAll(async () => {
  const db = await createDatabase();
  open.db = db;
  const first = await startHost({ database: db });
  open.first = first;
  const second = await startHost({ database: db, scimOptions: { poolSize: 1 } });
  open.second = second;
  open.replicas = { db, first, second, admin: await adminSession(first) };
});

afterAll(async () => {
  await Promise.all([open.first?.stop(), open.second?.stop()]);
  await open.db?.drop();
});

const replicas = (): Replicas => {
  if (open.replicas === undefined) throw new Error('the replicas are not up');
  return open.replicas;
};

const newToken = async ({ admin }: Replicas): Promise<string> => {
  const { body } = await admin.post(`${SETTINGS}/generate-new-token`).set('Content-Type', 'application/json').expect(200);
  return body.token;
};

const sha256 = (token: string): Buffer => createHash('sha256').update(token).digest();

let names = 0;
const newPerson = async (client: ScimClient): Promise<string> => {
  names += 1;
  const { body } = await client.post('/Users', userBody(`person-${names}@example.com`, { title: 'before' })).expect(201);
  return body.id;
};
const setTitle = (title: string): object => patchBody({ op: 'replace', path: 'title', value: title });

/** Requests of each kind that the second replica answers in its own way: by statements, functions, transactions, or none at all. */
const KINDS: Readonly<Record<string, (client: ScimClient, person: string, group: string) => Test>> = {
  'a read': (client, person) => client.get(`/Users/${person}`),
  'a read of nobody': (client) => client.get('/Users/nobody'),
  'a list': (client) => client.get('/Users?filter=userName sw "person"'),
  'a list of all': (client) => client.get('/'),
  'a search': (client) => client.post('/Users/.search', { filter: 'userName pr' }),
  'a group': (client, _person, group) => client.get(`/Groups/${group}`),
  'a create': (client) => client.post('/Users', userBody(`new-${names}@example.com`)),
  'a replace': (client, person) => client.put(`/Users/${person}`, userBody(`renamed-${names}@example.com`)),
  'a change': (client, person) => client.patch(`/Users/${person}`, setTitle('after')),
  'a suspension': (client, person) =>
    client.patch(`/Users/${person}`, patchBody({ op: 'replace', path: 'active', value: false })),
  'a deletion': (client, person) => client.delete(`/Users/${person}`),
  'a create of a group': (client) => client.post('/Groups', groupBody(`new group ${names}`)),
  'a new member': (client, person, group) => client.patch(`/Groups/${group}`, addMembers(person)),
  'a deletion of a group': (client, _person, group) => client.delete(`/Groups/${group}`),
  'a bulk request': (client, person) =>
    client.post('/Bulk', { Operations: [{ method: 'PATCH', path: `/Users/${person}`, data: setTitle('after') }] }),
  'the configuration': (client) => client.get('/ServiceProviderConfig'),
  'the schemas': (client) => client.get('/Schemas'),
  '/Me': (client) => client.get('/Me'),
  'an unknown address': (client) => client.get('/nowhere'),
  'a wrong filter': (client) => client.get('/Users?filter=nonsense'),
  'a wrong body': (client) => client.post('/Users', { userName: '' }),
};

/** Ways to end a token; none but the first two runs code of ours, so that no replica could have told another of it. */
const WAYS: Readonly<Record<string, { readonly status: number; end(scene: Replicas): Promise<unknown> }>> = {
  'a new token on the other replica': { status: 401, end: newToken },
  'the switch on the other replica': {
    status: 403,
    end: ({ admin }) => admin.post(SETTINGS).send({ enabled: false }).expect(200).then(),
  },
  'a new token by SQL': {
    status: 401,
    end: ({ db }) => db.query('UPDATE scim_token SET number = number + 1, hash = $1', [sha256('by SQL')]),
  },
  'no token by SQL': { status: 401, end: ({ db }) => db.query('DELETE FROM scim_token') },
  'the switch by SQL': {
    status: 403,
    end: ({ db }) => db.query(`UPDATE settings SET content = '{"enabled": false}' WHERE name = 'scim'`),
  },
};

/** A token that both replicas know, and a person and a group to ask for. */
const scene = async (): Promise<{ readonly token: string; readonly person: string; readonly group: string }> => {
  const { admin, second } = replicas();
  await admin.post(SETTINGS).send({ enabled: true }).expect(200);
  const token = await newToken(replicas());
  const client = scim(second, { token });
  const person = await newPerson(client);
  const { body } = await client.post('/Groups', groupBody(`group of ${person}`)).expect(201);
  return { token, person, group: body.id };
};

describe.each(Object.entries(WAYS))('%s', (_way, { status, end }) => {
  test('is what the next request on a replica meets, whichever it is, and nothing is changed', async () => {
    const { db, second } = replicas();
    const { person, group } = await scene();
    const answers: Record<string, number> = {};
    for (const [kind, ask] of Object.entries(KINDS)) {
      const token = `token-${status}-${kind}-${'x'.repeat(32)}`;
      await db.query(
        `INSERT INTO scim_token (hash, created_by) VALUES ($1, 'test')
         ON CONFLICT (singleton) DO UPDATE SET number = excluded.number, hash = excluded.hash`,
        [sha256(encodeURIComponent(token))],
      );
      await db.query(`UPDATE settings SET content = '{"enabled": true}' WHERE name = 'scim'`);
      const client = scim(second, { token: encodeURIComponent(token) });
      await client.get(`/Users/${person}`).expect(200);
      const mark = await endOfLog(db);
      await end(replicas());
      const answer: Response = await ask(client, person, group);
      answers[kind] = answer.status;
      expect((await eventsSince(db, mark)).filter(({ type }) => !type.startsWith('setting-'))).toEqual([]);
    }
    expect(answers).toEqual(Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, status])));
  });
});

describe('what is under way when a token ends', () => {
  let holder: pg.Client;

  beforeEach(async () => {
    holder = new pg.Client(replicas().db.connection);
    await holder.connect();
  });

  afterEach(async () => {
    await holder.end();
  });

  /** Keeps every change of the person waiting until the transaction of `holder` ends. */
  const hold = async (person: string): Promise<void> => {
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM scim_users WHERE scim_id = $1 FOR UPDATE', [person]);
    await holder.query('SELECT 1 FROM users WHERE scim_id = $1 FOR UPDATE', [person]);
  };
  const untilHeld = async (): Promise<void> => {
    for (const deadline = Date.now() + 10_000; Date.now() < deadline; await sleep(20)) {
      const [row] = await replicas().db.query<{ waiting: number }>(
        `SELECT count(*)::integer AS waiting FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'unleash-scim' AND wait_event_type = 'Lock'`,
      );
      if (row?.waiting === 1) return;
    }
    throw new Error('no statement of SCIM waits');
  };
  const titleOf = async (person: string): Promise<string | undefined> => {
    const [row] = await replicas().db.query<{ title: string }>(
      `SELECT document ->> 'title' AS title FROM scim_users WHERE scim_id = $1`,
      [person],
    );
    return row?.title;
  };

  test.each(['a new token on the other replica', 'the switch on the other replica'])(
    'is done before %s is answered, where it ends soon',
    async (way) => {
      const { second } = replicas();
      const { token, person } = await scene();
      await hold(person);
      const changed = scim(second, { token }).patch(`/Users/${person}`, setTitle('in time')).then();
      await untilHeld();
      const ended = WAYS[way]?.end(replicas()).then(() => titleOf(person));
      await sleep(PATIENCE_MS / 4);
      await holder.query('COMMIT');
      expect(await ended).toBe('in time');
      expect([200, 204]).toContain((await changed).status);
    },
  );

  test('is undone, where it takes long: nothing of it comes after the answer; what waits for a connection is refused', async () => {
    const { second } = replicas();
    const { token, person } = await scene();
    const other = await newPerson(scim(second, { token }));
    await hold(person);
    const changed = scim(second, { token }).patch(`/Users/${person}`, setTitle('too late')).then();
    await untilHeld();
    // The second replica has one connection.
    const queued = scim(second, { token }).patch(`/Users/${other}`, setTitle('too late')).then();
    await newToken(replicas());
    await holder.query('COMMIT');
    const answer = await changed;
    expect({ status: answer.status, retryAfter: answer.headers['retry-after'] }).toEqual({ status: 503, retryAfter: '5' });
    expect((await queued).status).toBe(401);
    expect([await titleOf(person), await titleOf(other)]).toEqual(['before', 'before']);
    await scim(second, { token }).patch(`/Users/${person}`, setTitle('too late')).expect(401);
  });

  test('of a bulk request is done up to there, and refused from there on', async () => {
    const { second } = replicas();
    const { token } = await scene();
    const people: string[] = [];
    for (let i = 0; i < 5; i += 1) people.push(await newPerson(scim(second, { token })));
    const [, , held = ''] = people;
    await hold(held);
    const Operations = people.map((person) => ({ method: 'PATCH', path: `/Users/${person}`, data: setTitle('after') }));
    const bulk = scim(second, { token }).post('/Bulk', { Operations }).then();
    await untilHeld();
    await newToken(replicas());
    await holder.query('COMMIT');
    const { body } = await bulk;
    const statuses: readonly string[] = body.Operations.map(({ status }: { readonly status: string }) => status);
    expect(statuses.slice(0, 2).every((status) => status.startsWith('20'))).toBe(true);
    expect(statuses.slice(2)).toEqual(['503', '401', '401']);
    expect(await Promise.all(people.map(titleOf))).toEqual(['after', 'after', 'before', 'before', 'before']);
  });
});

/** Whoever goes on with a wrong token is told to stay away for a while. */
const REFUSED = [401, 429];

test('a token that was deleted is not let in by the one that is made next', async () => {
  const { db, second } = replicas();
  const { person } = await scene();
  const afterDeletion = async (): Promise<string> => {
    await db.query('DELETE FROM scim_token');
    return newToken(replicas());
  };
  const old = await afterDeletion();
  await scim(second, { token: old }).get(`/Users/${person}`).expect(200);
  const token = await afterDeletion();
  expect(REFUSED).toContain((await scim(second, { token: old }).get(`/Users/${person}`)).status);
  expect(REFUSED).toContain((await scim(second, { token: old }).patch(`/Users/${person}`, setTitle('after'))).status);
  await scim(second, { token }).get(`/Users/${person}`).expect(200);
});

test('a token that the first replica makes while the second is asked by the old one is known there at once', async () => {
  const { second } = replicas();
  let { token } = await scene();
  for (let round = 0; round < 10; round += 1) {
    const old = token;
    const asked = Array.from({ length: 10 }, () => scim(second, { token: old }).get('/Users?count=0').then());
    token = await newToken(replicas());
    for (const { status } of await Promise.all(asked)) expect([200, ...REFUSED]).toContain(status);
    expect(REFUSED).toContain((await scim(second, { token: old }).get('/Users?count=0')).status);
    await scim(second, { token }).get('/Users?count=0').expect(200);
  }
});
