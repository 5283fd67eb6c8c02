import { describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { adminSession, createLocalUser } from '../support/clients.js';
import {
  ADMIN_ROLE,
  EDITOR_ROLE,
  endOfLog,
  eventsSince,
  FIRST_TOKEN,
  groupBody,
  hostMembers,
  hostUser,
  patchBody,
  provision,
  rolesOf,
  SYSTEM_USER_ID,
  shownMembers,
  typesSince,
  userBody,
} from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';

const world = withWorld({ scimOptions: { recoveryAdmins: ['ADMIN', 'Break.Glass@Example.com'] } });

const PASSWORD = 'A-Long-Passw0rd-Of-Mine!';

const insertUser = async (columns: Readonly<Record<string, unknown>>): Promise<number> => {
  const names = Object.keys(columns);
  const [row] = await world().db.query<{ id: number }>(
    `INSERT INTO users (${names.join(', ')}) VALUES (${names.map((_name, index) => `$${index + 1}`).join(', ')}) RETURNING id`,
    Object.values(columns),
  );
  return row?.id ?? 0;
};

/** The one user who has the e-mail that the option names. */
const breakGlassUser = async (username: string): Promise<number> => {
  await world().db.query(`UPDATE users SET email = NULL WHERE email = 'break.glass@example.com'`);
  return insertUser({ username, email: 'break.glass@example.com' });
};

const localGroup = async (
  name: string,
  memberIds: readonly number[],
  more: { rootRole?: number; description?: string } = {},
): Promise<number> => {
  const { db } = world();
  const [row] = await db.query<{ id: number }>(
    'INSERT INTO groups (name, description, root_role_id) VALUES ($1, $2, $3) RETURNING id',
    [name, more.description ?? null, more.rootRole ?? null],
  );
  const id = row?.id ?? 0;
  await db.query('INSERT INTO group_user (group_id, user_id) SELECT $1, unnest($2::integer[])', [id, memberIds]);
  return id;
};

describe('an unmanaged host user', () => {
  test('whose e-mail is sent, in any case, is adopted with id, roles, groups, history, session, access token and password', async () => {
    const { db, scim, admin, host } = world();
    const local = await createLocalUser(admin, {
      username: 'ada',
      email: 'ada@example.com',
      name: 'Ada',
      password: PASSWORD,
      rootRole: EDITOR_ROLE,
    });
    await db.query(`INSERT INTO role_user (role_id, user_id, project) VALUES (4, $1, 'default')`, [local.id]);
    const groupId = await localGroup('group of ada', [local.id]);
    const session = await adminSession(host, 'ada', PASSWORD);
    const { body: token } = await session
      .post('/api/admin/user/tokens')
      .send({ description: 'mine', expiresAt: '2099-01-01T00:00:00Z' })
      .expect(201);
    const before = await hostUser(db, local.id);
    const mark = await endOfLog(db);

    const { body } = await scim
      .post('/Users', userBody('ada.l', { emails: [{ value: 'ADA@Example.COM' }], displayName: 'Ada L', externalId: 'ada-1' }))
      .expect(201);
    expect(await hostUser(db, local.id)).toEqual({
      ...before,
      username: 'ada.l',
      name: 'Ada L',
      scim_id: body.id,
      scim_external_id: 'ada-1',
    });
    expect(await rolesOf(db, local.id)).toEqual(['2:default', '4:default']);
    expect(await hostMembers(db, groupId)).toEqual([local.id]);
    await session.get('/api/admin/user').expect(200);
    await request(host.url).get('/api/admin/user').set('authorization', token.secret).expect(200);
    expect(await eventsSince(db, mark)).toEqual([
      {
        id: expect.any(Number),
        type: 'user-updated',
        created_by: FIRST_TOKEN,
        created_by_user_id: SYSTEM_USER_ID,
        ip: expect.any(String),
        data: {
          id: local.id,
          name: 'Ada L',
          username: 'ada.l',
          email: 'ada@example.com',
          rootRole: EDITOR_ROLE,
          adoptedByScim: true,
        },
        pre_data: { id: local.id, name: 'Ada', username: 'ada', email: 'ada@example.com', rootRole: EDITOR_ROLE },
      },
    ]);
    const { body: log } = await admin.get('/api/admin/search/events?type=IS:user-updated').expect(200);
    expect(log.events[0]).toMatchObject({ type: 'user-updated', createdBy: FIRST_TOKEN, data: { adoptedByScim: true } });
  });

  test('whose username is sent, in any case, is adopted; the e-mail and the name that nobody spoke of stay', async () => {
    const { db, scim, admin } = world();
    const local = await createLocalUser(admin, { username: 'Grace', email: 'grace@example.com', name: 'Grace H' });
    const before = await hostUser(db, local.id);
    const { body } = await scim.post('/Users', userBody('gRACE')).expect(201);
    expect(await hostUser(db, local.id)).toEqual({ ...before, username: 'gRACE', scim_id: body.id });
    expect(body).toMatchObject({
      userName: 'gRACE',
      displayName: 'Grace H',
      emails: [{ value: 'grace@example.com', primary: true }],
      active: true,
    });
  });

  test('whose e-mail is sent as the userName is adopted', async () => {
    const { db, scim, admin } = world();
    const local = await createLocalUser(admin, { email: 'linus@example.com', name: 'Linus' });
    const { body } = await scim.post('/Users', userBody('Linus@Example.com')).expect(201);
    expect(await hostUser(db, local.id)).toMatchObject({
      scim_id: body.id,
      email: 'linus@example.com',
      username: null,
      name: 'Linus',
    });
  });

  test('is adopted and suspended at once where active: false is sent', async () => {
    const { db, scim, admin } = world();
    const local = await createLocalUser(admin, { username: 'leaver', email: 'leaver@example.com' });
    const mark = await endOfLog(db);
    await scim.post('/Users', userBody('leaver', { active: false })).expect(201);
    expect((await hostUser(db, local.id)).deleted).toBe(true);
    expect(await typesSince(db, mark)).toEqual(['user-updated', 'user-deleted']);
  });

  test('of two, one by userName and one by e-mail, is not chosen: 409 that names both', async () => {
    const { db, scim, admin } = world();
    const one = await createLocalUser(admin, { username: 'two-names' });
    const two = await createLocalUser(admin, { email: 'two-names@example.com' });
    const mark = await endOfLog(db);
    const { body } = await scim
      .post('/Users', userBody('Two-Names', { emails: [{ value: 'two-names@example.com' }] }))
      .expect(409);
    expect(body.scimType).toBe('uniqueness');
    expect(body.detail).toContain(`(user ${one.id})`);
    expect(body.detail).toContain(`(user ${two.id})`);
    expect(await typesSince(db, mark)).toEqual([]);
  });
});

describe('never adopted, a 409 that leaves the user alone:', () => {
  const CASES: ReadonlyArray<readonly [string, () => Promise<number>, object]> = [
    ['a service account', () => insertUser({ username: 'robot', is_service: true }), userBody('ROBOT')],
    [
      'a service account by its e-mail',
      () => insertUser({ username: 'robot2', email: 'robot2@example.com', is_service: true }),
      userBody('r2', { emails: [{ value: 'robot2@example.com' }] }),
    ],
    ['a system user', async () => SYSTEM_USER_ID, userBody('Unleash_System_User')],
    ['a recovery admin by username in any case', async () => 1, userBody('Admin')],
    [
      'a recovery admin whom the option names by e-mail',
      () => breakGlassUser('glass'),
      userBody('somebody', { emails: [{ value: 'BREAK.glass@example.com' }] }),
    ],
    [
      'a recovery admin by the username of one whom the option names by e-mail',
      () => breakGlassUser('glass-of-water'),
      userBody('Glass-Of-Water'),
    ],
  ];

  test.each(CASES)('%s', async (_name, make, body) => {
    const { db, scim } = world();
    const id = await make();
    const before = await hostUser(db, id);
    const mark = await endOfLog(db);
    const answer = await scim.post('/Users', body).expect(409);
    expect(answer.body.scimType).toBe('uniqueness');
    expect(await hostUser(db, id)).toEqual(before);
    expect(await typesSince(db, mark)).toEqual([]);
  });

  test('nor is the name of a recovery admin who is not there yet', async () => {
    const { db, scim } = world();
    await db.query(`UPDATE users SET email = NULL WHERE email = 'break.glass@example.com'`);
    await scim.post('/Users', userBody('break.glass@example.com')).expect(409);
  });

  test.each([
    ['PATCH of userName', patchBody({ op: 'replace', path: 'userName', value: 'ADMIN' })],
    [
      'PATCH of the e-mail',
      patchBody({ op: 'add', path: 'emails', value: [{ value: 'break.glass@example.com', primary: true }] }),
    ],
  ])('nobody is renamed onto a recovery admin by %s', async (name, body) => {
    const { db, scim } = world();
    const person = await provision(world(), `climber by ${name}`);
    const before = await hostUser(db, person.hostId);
    await scim.patch(`/Users/${person.id}`, body).expect(409);
    expect(await hostUser(db, person.hostId)).toEqual(before);
  });

  test('nobody is renamed onto a recovery admin by PUT', async () => {
    const { scim } = world();
    const person = await provision(world(), 'climber by PUT');
    await scim.put(`/Users/${person.id}`, userBody('Admin')).expect(409);
  });
});

describe('an unmanaged host group', () => {
  test('whose name is sent, in any case, is adopted with root role, project roles and description; members that are sent become exact', async () => {
    const { db, scim, admin } = world();
    const [stays, leaves] = [
      await createLocalUser(admin, { username: 'g-stays' }),
      await createLocalUser(admin, { username: 'g-leaves' }),
    ];
    const adopted = await provision(world(), 'g-stays');
    expect(adopted.hostId).toBe(stays.id);
    const joins = await provision(world(), 'g-joins');
    const groupId = await localGroup('Old Hands', [1, stays.id, leaves.id], { rootRole: EDITOR_ROLE, description: 'who knows' });
    await db.query(`INSERT INTO group_role (group_id, role_id, created_by, project) VALUES ($1, 5, 'admin', 'default')`, [
      groupId,
    ]);
    const mark = await endOfLog(db);

    const { body } = await scim.post('/Groups', groupBody('old hands', [adopted.id, joins.id])).expect(201);
    expect(await db.query('SELECT name, description, root_role_id, scim_id FROM groups WHERE id = $1', [groupId])).toEqual([
      { name: 'old hands', description: 'who knows', root_role_id: EDITOR_ROLE, scim_id: body.id },
    ]);
    expect(await db.query('SELECT role_id, project FROM group_role WHERE group_id = $1', [groupId])).toEqual([
      { role_id: 5, project: 'default' },
    ]);
    // The recovery admin is in no list of the identity provider's, and stays.
    expect(await hostMembers(db, groupId)).toEqual([1, stays.id, joins.hostId].sort((a, b) => a - b));
    expect(await shownMembers(scim, body.id)).toEqual([adopted.id, joins.id]);
    const events = await eventsSince(db, mark);
    expect(events.map(({ type, data, pre_data }) => [type, data?.userId ?? pre_data?.userId ?? data?.adoptedByScim])).toEqual(
      expect.arrayContaining([
        ['group-updated', true],
        ['group-user-added', joins.hostId],
        ['group-user-removed', leaves.id],
      ]),
    );
    expect(events).toHaveLength(3);
  });

  test('keeps its members where none are sent, until the identity provider states them; recovery admins stay even then', async () => {
    const { db, scim, admin } = world();
    const local = await createLocalUser(admin, { username: 'silent-member' });
    const groupId = await localGroup('silent group', [1, local.id]);
    const { body } = await scim.post('/Groups', groupBody('silent group')).expect(201);
    expect(await hostMembers(db, groupId)).toEqual([1, local.id]);
    await scim.put(`/Groups/${body.id}`, groupBody('silent group, renamed')).expect(200);
    expect(await hostMembers(db, groupId)).toEqual([1, local.id]);
    await scim.put(`/Groups/${body.id}`, groupBody('silent group, renamed', [])).expect(200);
    expect(await hostMembers(db, groupId)).toEqual([1]);
  });

  test('of two with one name is not chosen: 409', async () => {
    const { scim } = world();
    await localGroup('Twins', []);
    await localGroup('twins', []);
    expect((await scim.post('/Groups', groupBody('TWINS')).expect(409)).body.scimType).toBe('uniqueness');
  });

  test('is not overwritten by renaming a managed group onto its name: 409', async () => {
    const { scim, db } = world();
    const groupId = await localGroup('Occupied', [], { rootRole: ADMIN_ROLE });
    const { body } = await scim.post('/Groups', groupBody('on its way')).expect(201);
    await scim.patch(`/Groups/${body.id}`, patchBody({ op: 'replace', path: 'displayName', value: 'occupied' })).expect(409);
    expect(await db.query('SELECT scim_id FROM groups WHERE id = $1', [groupId])).toEqual([{ scim_id: null }]);
  });
});
