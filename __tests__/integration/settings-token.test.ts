import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { LogLevel } from 'unleash-server';
import { adminSession, type Session, scim } from '../support/clients.js';
import { createDatabase, type Database } from '../support/database.js';
import { type Host, type HostOptions, startHost, TEST_TOKEN } from '../support/host-process.js';
import { provision } from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';

const SETTINGS = '/api/admin/scim-settings';

const newToken = async (admin: Session): Promise<string> => {
  const { body } = await admin.post(`${SETTINGS}/generate-new-token`).set('Content-Type', 'application/json').expect(200);
  return body.token;
};

const statusWith = async (host: Host, token: string): Promise<number> => (await scim(host, { token }).get('/Users')).status;

describe('a token', () => {
  const world = withWorld({ hostOptions: { logLevel: 'debug' as LogLevel }, env: { REQUEST_LOGGER_ENABLE: 'true' } });

  test('has a prefix to search for, 256 random bits and a checksum', async () => {
    const tokens = [await newToken(world().admin), await newToken(world().admin)];
    for (const token of tokens) {
      const [, secret = '', checksum] = /^unleash_scim_([\w-]{43})([\da-f]{6})$/.exec(token) ?? [];
      expect(checksum).toBe(createHash('sha256').update(secret).digest('hex').slice(0, 6));
    }
    expect(new Set(tokens).size).toBe(2);
  });

  test('is in no event, no log line and no table', async () => {
    const { admin, db, host } = world();
    const token = await newToken(admin);
    expect(await statusWith(host, token)).toBe(200);
    const digest = createHash('sha256').update(token).digest();
    const secrets = [token, digest.toString('hex'), digest.toString('base64'), digest.toString('base64url')];

    const events = JSON.stringify(await db.query('SELECT * FROM events'));
    const settings = JSON.stringify(await db.query('SELECT * FROM settings'));
    const stored = JSON.stringify(await db.query(`SELECT number, encode(hash, 'escape') AS hash, created_by FROM scim_token`));
    expect(host.logs()).toContain('GET /scim/Users');
    for (const secret of secrets) {
      expect(events).not.toContain(secret);
      expect(settings).not.toContain(secret);
      expect(host.logs()).not.toContain(secret);
    }
    expect(stored).not.toContain(token);
  });
});

describe('two replicas on one database', () => {
  const open: { db?: Database; first?: Host; second?: Host } = {};
  const replicas = (): { readonly db: Database; readonly first: Host; readonly second: Host } => {
    const { db, first, second } = open;
    if (db === undefined || first === undefined || second === undefined) throw new Error('the replicas are not up');
    return { db, first, second };
  };

  beforeAll(async () => {
    const db = await createDatabase();
    open.db = db;
    open.first = await startHost({ database: db });
    open.second = await startHost({ database: db });
  });

  afterAll(async () => {
    await Promise.all([open.first?.stop(), open.second?.stop()]);
    await open.db?.drop();
  });

  test('forget the token before at once', async () => {
    const { first, second } = replicas();
    const admin = await adminSession(first);
    expect(await statusWith(second, TEST_TOKEN)).toBe(200);

    let before = TEST_TOKEN;
    for (let round = 0; round < 5; round += 1) {
      const token = await newToken(admin);
      expect(await Promise.all([first, second].map((host) => statusWith(host, before)))).toEqual([401, 401]);
      expect(await Promise.all([first, second].map((host) => statusWith(host, token)))).toEqual([200, 200]);
      before = token;
    }
  });

  test('tell nothing else to a token that ended, whatever it asks for: found, unknown, wrong, discovery or a change', async () => {
    const { first, second } = replicas();
    const admin = await adminSession(first);
    const old = await newToken(admin);
    const client = scim(second, { token: old });
    const { body: person } = await client.post('/Users', { userName: 'asked-for@example.com' }).expect(201);
    const ask = async (status: number | undefined): Promise<void> => {
      const answers = [
        await client.get(`/Users/${person.id}`),
        await client.get('/Users/nobody'),
        await client.get('/Users?filter=nonsense'),
        await client.get('/nowhere'),
        await client.get('/ServiceProviderConfig'),
        await client.post('/Bulk', { Operations: [] }),
        await client.post('/Users', { userName: '' }),
        await client.patch(`/Users/${person.id}`, { Operations: [{ op: 'replace', path: 'title', value: 'changed' }] }),
        await client.patch(`/Users/${person.id}`, { Operations: [{ op: 'replace', path: 'title', value: 'changed' }] }),
        await client.delete('/Users/nobody'),
      ];
      const statuses = answers.map((answer) => answer.status);
      if (status !== undefined) expect(statuses).toEqual(answers.map(() => status));
    };
    await ask(undefined);
    const token = await newToken(admin);
    await ask(401);
    await admin.post(SETTINGS).send({ enabled: false }).expect(200);
    await scim(second, { token }).get(`/Users/${person.id}`).expect(403);
    await scim(second, { token }).get('/Users/nobody').expect(403);
    await scim(second, { token }).put(`/Users/${person.id}`, { userName: 'nobody' }).expect(403);
    await admin.post(SETTINGS).send({ enabled: true }).expect(200);
    const { body: after } = await scim(second, { token }).get(`/Users/${person.id}`).expect(200);
    expect(after.userName).toBe('asked-for@example.com');
  });

  test('are switched off at once, tell only who has the token, and let managed people be edited', async () => {
    const { db, first, second } = replicas();
    const [admin, otherAdmin] = [await adminSession(first), await adminSession(second)];
    const token = await newToken(admin);
    const { hostId } = await provision({ db, scim: scim(first, { token }) }, 'two@example.com');
    const edit = (session: Session) => session.put(`/api/admin/user-admin/${hostId}`).send({ name: 'Two', rootRole: 3 });
    await edit(otherAdmin).expect(403);

    await admin.post(SETTINGS).send({ enabled: false }).expect(200);

    for (const host of [first, second]) {
      const answer = await scim(host, { token })
        .get('/Users')
        .expect(403)
        .expect('Content-Type', /^application\/scim\+json/);
      expect(answer.body).toMatchObject({
        schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
        status: '403',
        detail: expect.stringMatching(/switched off/i),
      });
      expect(await statusWith(host, 'wrong')).toBe(401);
    }
    await edit(otherAdmin).expect(200);
    await otherAdmin.get(SETTINGS).expect(200, { enabled: false, hasToken: true });

    await otherAdmin.post(SETTINGS).send({ enabled: true }).expect(200);
    expect(await statusWith(first, token)).toBe(200);
    await edit(admin).expect(403);
  });

  test('end up with one token when both make one at the same time', async () => {
    const { db, first, second } = replicas();
    const admins = [await adminSession(first), await adminSession(second)];
    const tokens = await Promise.all([...admins, ...admins].map(newToken));
    const statuses = await Promise.all(tokens.map((token) => statusWith(second, token)));
    expect(statuses.sort()).toEqual([200, 401, 401, 401]);
    expect(await db.query('SELECT count(*)::integer AS count FROM scim_token')).toEqual([{ count: 1 }]);
  });
});

describe('initToken', () => {
  const open: { db?: Database; host?: Host } = {};
  const start = async (initToken: string | undefined): Promise<Host> => {
    open.db ??= await createDatabase();
    await open.host?.stop();
    const options: HostOptions = {
      database: open.db,
      switchedOn: false,
      scimOptions: initToken === undefined ? {} : { initToken },
    };
    open.host = await startHost(options);
    return open.host;
  };

  afterEach(async () => {
    await open.host?.stop();
    await open.db?.drop();
    delete open.host;
    delete open.db;
  });

  const OTHER_TOKEN = 'another-token-0123456789abcdef0123456789abcdef';

  test('is stored and switches SCIM on; the next start changes neither', async () => {
    const host = await start(TEST_TOKEN);
    expect(await statusWith(host, TEST_TOKEN)).toBe(200);

    const next = await start(OTHER_TOKEN);
    expect(await statusWith(next, OTHER_TOKEN)).toBe(401);
    expect(await statusWith(next, TEST_TOKEN)).toBe(200);
    expect(await open.db?.query(`SELECT created_by, data FROM events WHERE type = 'setting-created'`)).toEqual([
      { created_by: 'SCIM (INIT_SCIM_TOKEN)', data: { id: 'scim', enabled: true } },
    ]);
  });

  test('does not switch SCIM on again that an admin switched off, nor bring back its token', async () => {
    const admin = await adminSession(await start(TEST_TOKEN));
    const token = await newToken(admin);
    await admin.post(SETTINGS).send({ enabled: false }).expect(200);

    const next = await start(TEST_TOKEN);
    expect(await statusWith(next, TEST_TOKEN)).toBe(401);
    expect(await statusWith(next, token)).toBe(403);
    const nextAdmin = await adminSession(next);
    await nextAdmin.get(SETTINGS).expect(200, { enabled: false, hasToken: true });
  });

  test.each([
    ['31 characters', 'x'.repeat(31), 'at least 32 characters'],
    ['white space', `${'x'.repeat(20)} ${'x'.repeat(20)}`, 'must not contain white space'],
  ])('of %s ends the start with a message that does not repeat it', async (_what, token, message) => {
    const failure = await start(token).catch((error: unknown) => String(error));
    expect(failure).toContain(message);
    expect(failure).not.toContain(token);
  });
});
