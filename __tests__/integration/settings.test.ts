import { beforeAll, describe, expect, test } from '@jest/globals';
import type { Session } from '../support/clients.js';
import { endOfLog, eventsSince, provision, typesSince } from '../support/provisioning.js';
import { CALLERS, type Caller, callerSessions } from '../support/roles.js';
import { withWorld } from '../support/test-world.js';

const SETTINGS = '/api/admin/scim-settings';
const NEW_TOKEN = `${SETTINGS}/generate-new-token`;

describe('the settings page on a host where SCIM was never on', () => {
  const world = withWorld({ switchedOn: false, scimOptions: {} });

  test('goes from nothing to a working token as the page does it', async () => {
    const { admin, scim, host } = world();
    await admin.get(SETTINGS).expect(200, { enabled: false, hasToken: false });
    await admin.post(SETTINGS).set('Content-Type', 'application/json').send('{"enabled":true}').expect(200);
    await admin.get(SETTINGS).expect(200, { enabled: true, hasToken: false });
    await scim.get('/Users').expect(401);

    const { body, headers } = await admin.post(NEW_TOKEN).set('Content-Type', 'application/json').expect(200);

    expect(Object.keys(body)).toEqual(['token']);
    expect(headers['cache-control']).toContain('no-store');
    await admin.get(SETTINGS).expect(200, { enabled: true, hasToken: true });
    await fetch(`${host.scimUrl}/Users`, { headers: { authorization: `Bearer ${body.token}` } }).then((answer) =>
      expect(answer.status).toBe(200),
    );
  });
});

describe('the settings page', () => {
  const world = withWorld();

  test('ignores keys that it does not know', async () => {
    const { admin } = world();
    const body = { enabled: true, assumeControlOfExisting: true, hasToken: false, token: 'x' };
    await admin.post(SETTINGS).send(body).expect(200, { enabled: true, hasToken: true });
    await admin.get(SETTINGS).expect(200, { enabled: true, hasToken: true });
  });

  test.each([
    ['no key', '{}'],
    ['a text', '{"enabled":"true"}'],
    ['null', '{"enabled":null}'],
    ['a number', '{"enabled":1}'],
    ['a list', '[true]'],
    ['no body', ''],
  ])('refuses %s in the shape of the host and changes nothing', async (_what, text) => {
    const { admin } = world();
    const { body } = await admin.post(SETTINGS).set('Content-Type', 'application/json').send(text).expect(400);
    expect(body).toEqual(expect.objectContaining({ name: expect.any(String), message: expect.any(String) }));
    await admin.get(SETTINGS).expect(200, { enabled: true, hasToken: true });
  });

  test('takes no form: another site could send one with the session of the admin', async () => {
    const { admin } = world();
    await admin.post(SETTINGS).type('form').send({ enabled: false }).expect(415);
    await admin.get(SETTINGS).expect(200, { enabled: true, hasToken: true });
  });

  test('stays with what is set when SCIM reads are under way', async () => {
    const { admin, scim } = world();
    for (const enabled of [false, true]) {
      await admin.post(SETTINGS).send({ enabled }).expect(200, { enabled, hasToken: true });
      await scim.get('/Users').expect(enabled ? 200 : 403);
    }
  });
});

describe('who may use the settings', () => {
  const world = withWorld();
  const expected: Readonly<Record<Caller, { readonly settings: number; readonly deletion: number }>> = {
    admin: { settings: 200, deletion: 200 },
    'authentication manager': { settings: 200, deletion: 403 },
    editor: { settings: 403, deletion: 403 },
    viewer: { settings: 403, deletion: 403 },
    nobody: { settings: 401, deletion: 401 },
  };
  let sessions: Readonly<Record<Caller, Session>>;

  beforeAll(async () => {
    sessions = await callerSessions(world());
  });

  test.each(CALLERS)('%s', async (caller) => {
    const session = sessions[caller];
    const { settings, deletion } = expected[caller];
    await session.get(SETTINGS).expect(settings);
    await session.post(SETTINGS).send({ enabled: true }).expect(settings);
    await session.post(NEW_TOKEN).set('Content-Type', 'application/json').expect(settings);
    await session.delete('/api/admin/user-admin/scim-users').expect(deletion);
    await session.delete('/api/admin/groups/scim-groups').expect(deletion);
  });

  test.each(['editor', 'viewer'] as const)('%s is refused in the shape of the host', async (caller) => {
    const { body } = await sessions[caller].get(SETTINGS).expect(403);
    expect(body).toMatchObject({ name: 'PermissionError', message: expect.stringContaining('UPDATE_AUTH_CONFIGURATION') });
  });

  test('a refused caller changes nothing and tells nothing', async () => {
    const { db } = world();
    const mark = await endOfLog(db);
    const token = () => db.query('SELECT number, hash FROM scim_token');
    const before = await token();
    for (const caller of ['editor', 'viewer', 'nobody'] as const) {
      await sessions[caller].post(SETTINGS).send({ enabled: false });
      await sessions[caller].post(NEW_TOKEN).set('Content-Type', 'application/json');
    }
    expect(await token()).toEqual(before);
    expect(await typesSince(db, mark)).toEqual([]);
    await sessions.admin.get(SETTINGS).expect(200, { enabled: true, hasToken: true });
  });
});

describe('the event log', () => {
  const world = withWorld({ switchedOn: false });

  test('tells who moved the switch, and nothing where it was not moved', async () => {
    const { admin, db } = world();
    const mark = await endOfLog(db);
    for (const enabled of [true, true, false]) await admin.post(SETTINGS).send({ enabled }).expect(200);

    const [adminRow] = await db.query<{ id: number }>(`SELECT id FROM users WHERE username = 'admin'`);
    const by = { created_by: 'admin', created_by_user_id: adminRow?.id, ip: expect.stringContaining('127.0.0.1') };
    expect(await eventsSince(db, mark)).toEqual([
      { id: expect.any(Number), ...by, type: 'setting-created', data: { id: 'scim', enabled: true }, pre_data: null },
      {
        id: expect.any(Number),
        ...by,
        type: 'setting-updated',
        data: { id: 'scim', enabled: false },
        pre_data: { enabled: true },
      },
    ]);
  });

  test('numbers the tokens', async () => {
    const { admin, db } = world();
    const mark = await endOfLog(db);
    await admin.post(NEW_TOKEN).set('Content-Type', 'application/json').expect(200);
    await admin.post(NEW_TOKEN).set('Content-Type', 'application/json').expect(200);
    const events = await eventsSince(db, mark);
    expect(events.map(({ type, data }) => [type, data])).toEqual([
      ['setting-updated', { id: 'scim', token: 1 }],
      ['setting-updated', { id: 'scim', token: 2 }],
    ]);
  });

  test('shows what happened on the host page', async () => {
    const { admin } = world();
    const { body } = await admin.get('/api/admin/search/events?type=IS_ANY_OF:setting-created,setting-updated').expect(200);
    expect(body.events.length).toBeGreaterThanOrEqual(4);
  });
});

describe('the lock of the host on managed people', () => {
  const world = withWorld();

  test('holds while SCIM is on and opens when it is off', async () => {
    const { admin } = world();
    const { hostId } = await provision(world(), 'locked@example.com', { displayName: 'Locked' });
    const change = (name: string) => admin.put(`/api/admin/user-admin/${hostId}`).send({ name, rootRole: 2 });

    await change('By hand').expect(403);
    await admin.post(SETTINGS).send({ enabled: false }).expect(200);
    await change('By hand').expect(200);
    await admin.post(SETTINGS).send({ enabled: true }).expect(200);
    await change('Again').expect(403);

    const { body } = await world().scim.get('/Users?filter=userName eq "locked@example.com"').expect(200);
    expect(body.Resources).toEqual([expect.objectContaining({ displayName: 'By hand' })]);
  });
});
