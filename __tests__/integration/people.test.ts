import { describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { scim as clientOf, createLocalUser } from '../support/clients.js';
import { startHost } from '../support/host-process.js';
import {
  EDITOR_ROLE,
  endOfLog,
  eventsSince,
  FIRST_TOKEN,
  hostUser,
  patchBody,
  provision,
  rolesOf,
  SYSTEM_USER_ID,
  typesSince,
  userBody,
  VIEWER_ROLE,
} from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';

const world = withWorld();

const hashOf = async (email: string): Promise<string> => {
  const [row] = await world().db.query<{ hash: string }>(`SELECT encode(sha256(convert_to($1::text, 'UTF8')), 'hex') AS hash`, [
    email,
  ]);
  return row?.hash ?? '';
};

/** A word of this file in any row of the database's tables, logs included. */
const tablesThatHold = async (word: string): Promise<readonly string[]> => {
  const { db } = world();
  const tables = await db.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`,
  );
  const found = await Promise.all(
    tables.map(async ({ name }) =>
      (await db.query(`SELECT 1 FROM "${name}" t WHERE t::text LIKE $1 LIMIT 1`, [`%${word}%`])).length > 0 ? [name] : [],
    ),
  );
  return found.flat();
};

describe('a person whom nobody knows', () => {
  test('becomes a host user with the default root role, no password, the seat of their e-mail and an event user-created', async () => {
    const { db, scim, admin, host } = world();
    const mark = await endOfLog(db);
    const { body } = await request(host.scimUrl)
      .post('/Users')
      .set({ Authorization: `Bearer ${host.token}`, 'X-Forwarded-For': '203.0.113.7' })
      .send(
        userBody('bjensen', {
          externalId: 'bj-1',
          displayName: 'Babs Jensen',
          emails: [{ value: 'Babs@Example.com', primary: true }],
        }),
      )
      .expect(201);
    expect(body).toMatchObject({ userName: 'bjensen', active: true, externalId: 'bj-1', meta: { resourceType: 'User' } });

    const [row] = await db.query<{ id: number }>('SELECT id FROM users WHERE scim_id = $1', [body.id]);
    const hostId = row?.id ?? 0;
    expect(await hostUser(db, hostId)).toEqual({
      id: hostId,
      name: 'Babs Jensen',
      username: 'bjensen',
      email: 'babs@example.com',
      email_hash: await hashOf('babs@example.com'),
      scim_id: body.id,
      scim_external_id: 'bj-1',
      password_hash: null,
      deleted: false,
    });
    expect(await rolesOf(db, hostId)).toEqual([`${VIEWER_ROLE}:default`]);
    const data = { id: hostId, name: 'Babs Jensen', username: 'bjensen', email: 'babs@example.com', rootRole: VIEWER_ROLE };
    expect(await eventsSince(db, mark)).toEqual([
      {
        id: expect.any(Number),
        type: 'user-created',
        created_by: FIRST_TOKEN,
        created_by_user_id: SYSTEM_USER_ID,
        ip: '203.0.113.7',
        data,
        pre_data: null,
      },
    ]);

    const { body: log } = await admin.get('/api/admin/search/events?type=IS:user-created').expect(200);
    expect(log.events[0]).toMatchObject({
      type: 'user-created',
      createdBy: FIRST_TOKEN,
      createdByUserId: SYSTEM_USER_ID,
      ip: '203.0.113.7',
      data,
    });
    const { body: page } = await admin.get(`/api/admin/user-admin/${hostId}`).expect(200);
    expect(page).toMatchObject({
      id: hostId,
      name: 'Babs Jensen',
      username: 'bjensen',
      email: 'babs@example.com',
      scimId: body.id,
      rootRole: VIEWER_ROLE,
    });
    expect((await scim.get(`/Users/${body.id}`).expect(200)).body).toEqual(body);
  });

  test('and who is created as active: false is suspended from the start: no seat, no login, events user-created and user-deleted', async () => {
    const { db, scim } = world();
    const mark = await endOfLog(db);
    const { body } = await scim.post('/Users', userBody('inactive@example.com', { active: false })).expect(201);
    expect(body.active).toBe(false);
    const events = await eventsSince(db, mark);
    expect(events.map(({ type }) => type)).toEqual(['user-created', 'user-deleted']);
    expect(await hostUser(db, Number(events[0]?.data?.id))).toMatchObject({
      deleted: true,
      email: null,
      username: null,
      email_hash: null,
      scim_id: null,
    });
    await scim.patch(`/Users/${body.id}`, patchBody({ op: 'replace', value: { active: true } })).expect(200);
    expect(await hostUser(db, Number(events[0]?.data?.id))).toMatchObject({
      deleted: false,
      email: 'inactive@example.com',
      email_hash: await hashOf('inactive@example.com'),
    });
  });

  test('gets the root role that the option defaultRootRole names', async () => {
    const { db } = world();
    for (const [defaultRootRole, userName] of [
      ['Editor', 'by-role-name'],
      [EDITOR_ROLE, 'by-role-id'],
    ] as const) {
      const editors = await startHost({ database: db, scimOptions: { defaultRootRole } });
      try {
        const { hostId } = await provision({ db, scim: clientOf(editors) }, userName);
        expect(await rolesOf(db, hostId)).toEqual([`${EDITOR_ROLE}:default`]);
      } finally {
        await editors.stop();
      }
    }
  });

  test('is a Viewer where the role of the option was removed after the start', async () => {
    const { db } = world();
    await db.query(`INSERT INTO roles (name, description, type) VALUES ('Passing', '', 'root-custom')`);
    const host = await startHost({ database: db, scimOptions: { defaultRootRole: 'Passing' } });
    try {
      await db.query(`DELETE FROM roles WHERE name = 'Passing'`);
      const { hostId } = await provision({ db, scim: clientOf(host) }, 'after-the-role');
      expect(await rolesOf(db, hostId)).toEqual([`${VIEWER_ROLE}:default`]);
    } finally {
      await host.stop();
    }
  });

  test('is not made out of the bootstrap admin, who is a recovery admin by default: 409', async () => {
    const { scim, db } = world();
    const before = await hostUser(db, 1);
    expect((await scim.post('/Users', userBody('ADMIN')).expect(409)).body.scimType).toBe('uniqueness');
    expect(await hostUser(db, 1)).toEqual(before);
  });

  test('comes twice at the same time and is made once: 201 and 409', async () => {
    const { scim, db } = world();
    for (let round = 0; round < 10; round += 1) {
      const name = `simultaneous-${round}@example.com`;
      const answers = await Promise.all([scim.post('/Users', userBody(name)), scim.post('/Users', userBody(name.toUpperCase()))]);
      expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
      expect(await db.query('SELECT id FROM users WHERE lower(email) = $1', [name])).toHaveLength(1);
    }
  });
});

describe("the host's columns", () => {
  const COLUMNS: ReadonlyArray<
    readonly [string, string, object, { email: string | null; username: string | null; name: string | null }]
  > = [
    [
      'e-mail: the primary address',
      'm1',
      { emails: [{ value: 'a@m1.example' }, { value: 'B@m1.example', primary: true }] },
      { email: 'b@m1.example', username: 'm1', name: null },
    ],
    [
      'e-mail: the first address where none is primary',
      'm2',
      { emails: [{ value: 'A@m2.example' }, { value: 'b@m2.example' }] },
      { email: 'a@m2.example', username: 'm2', name: null },
    ],
    ['e-mail: the userName where it looks like one', 'M3@m3.example', {}, { email: 'm3@m3.example', username: null, name: null }],
    ['e-mail: none', 'm4', {}, { email: null, username: 'm4', name: null }],
    [
      'username: none where it is the e-mail in another case',
      'M5@m5.example',
      { emails: [{ value: 'm5@M5.example' }] },
      { email: 'm5@m5.example', username: null, name: null },
    ],
    [
      'username: the userName where the e-mail is another one',
      'm6@m6.example',
      { emails: [{ value: 'other@m6.example' }] },
      { email: 'other@m6.example', username: 'm6@m6.example', name: null },
    ],
    [
      'name: displayName',
      'n1',
      { displayName: 'Dis', name: { formatted: 'For', givenName: 'G', familyName: 'F' } },
      { email: null, username: 'n1', name: 'Dis' },
    ],
    [
      'name: name.formatted',
      'n2',
      { name: { formatted: 'For', givenName: 'G', familyName: 'F' } },
      { email: null, username: 'n2', name: 'For' },
    ],
    [
      'name: given and family name',
      'n3',
      { name: { givenName: 'G', familyName: 'F' } },
      { email: null, username: 'n3', name: 'G F' },
    ],
    ['name: the family name alone', 'n4', { name: { familyName: 'F' } }, { email: null, username: 'n4', name: 'F' }],
  ];
  test.each(COLUMNS)('%s', async (_name, userName, more, expected) => {
    const { hostId } = await provision(world(), userName, more);
    expect(await hostUser(world().db, hostId)).toMatchObject(expected);
  });

  test.each([
    ['userName', (value: string) => userBody(value)],
    ['displayName', (value: string) => userBody('long display', { displayName: value })],
    ['emails.value', (value: string) => userBody('long mail', { emails: [{ value: value.replace(/.{10}$/, '@long.test') }] })],
  ])('hold 255 characters of %s, and 256 are a 400 that says so', async (name, body) => {
    const { scim, db } = world();
    const mark = await endOfLog(db);
    const refused = await scim.post('/Users', body('x'.repeat(256))).expect(400);
    expect(refused.body).toMatchObject({ scimType: 'invalidValue', detail: expect.stringContaining(`${name.split('.')[0]}`) });
    expect(refused.body.detail).toContain('255');
    expect(await typesSince(db, mark)).toEqual([]);
    const { body: made } = await scim.post('/Users', body('é'.repeat(255))).expect(201);
    // The host's suffix for a deleted name has no room left, and must not fail.
    await scim.delete(`/Users/${made.id}`).expect(204);
  });

  test("a userName of one local user and an e-mail of another is a 409, also where it is a managed person's change", async () => {
    const { scim, admin } = world();
    await createLocalUser(admin, { username: 'half-one' });
    await createLocalUser(admin, { email: 'half-two@example.com' });
    await scim.post('/Users', userBody('half-one', { emails: [{ value: 'half-two@example.com' }] })).expect(409);
    const person = await provision(world(), 'half-three');
    await scim.patch(`/Users/${person.id}`, patchBody({ op: 'replace', path: 'userName', value: 'Half-One' })).expect(409);
    await scim
      .patch(`/Users/${person.id}`, patchBody({ op: 'add', path: 'emails', value: [{ value: 'half-two@example.com' }] }))
      .expect(409);
  });
});

test('a password is accepted and neither stored, nor told in an event, an answer or a log', async () => {
  const { scim, host, db } = world();
  const secret = 'Hunter2-never-stored';
  const { body } = await scim.post('/Users', userBody('with-password', { password: secret })).expect(201);
  expect(body).not.toHaveProperty('password');
  await scim.patch(`/Users/${body.id}`, patchBody({ op: 'replace', path: 'password', value: secret })).expect(200);
  await scim
    .patch(`/Users/${body.id}`, patchBody({ op: 'replace', value: { password: secret, displayName: 'Changed' } }))
    .expect(200);
  await scim.put(`/Users/${body.id}`, userBody('with-password', { password: secret })).expect(200);
  const broken = await request(host.scimUrl)
    .post('/Users')
    .set({ Authorization: `Bearer ${host.token}`, 'Content-Type': 'application/scim+json' })
    .send(`{"password":"${secret}",`)
    .expect(400);
  expect(broken.text).not.toContain(secret);
  expect(await tablesThatHold(secret)).toEqual([]);
  expect(host.logs()).not.toContain(secret);
  const { body: config } = await scim.get('/ServiceProviderConfig').expect(200);
  expect(config.changePassword).toEqual({ supported: false });
  expect(await db.query('SELECT 1 FROM users WHERE scim_id = $1 AND password_hash IS NOT NULL', [body.id])).toEqual([]);
});

test('roles and entitlements are kept as attributes and give no right in the host', async () => {
  const { scim, db } = world();
  const { id, hostId } = await provision(world(), 'with-roles', {
    roles: [{ value: 'Admin', primary: true }],
    entitlements: [{ value: 'ADMIN' }],
  });
  expect((await scim.get(`/Users/${id}`).expect(200)).body).toMatchObject({
    roles: [{ value: 'Admin' }],
    entitlements: [{ value: 'ADMIN' }],
  });
  await scim.patch(`/Users/${id}`, patchBody({ op: 'add', path: 'roles', value: [{ value: 'Editor' }] })).expect(200);
  expect(await rolesOf(db, hostId)).toEqual([`${VIEWER_ROLE}:default`]);
});

test("while SCIM is on the host's pages refuse to change a managed person's root role", async () => {
  const { admin, db } = world();
  const { hostId } = await provision(world(), 'locked-role');
  await admin.put(`/api/admin/user-admin/${hostId}`).send({ rootRole: EDITOR_ROLE }).expect(403);
  expect(await rolesOf(db, hostId)).toEqual([`${VIEWER_ROLE}:default`]);
});
