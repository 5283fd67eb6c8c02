import { beforeAll, describe, expect, test } from '@jest/globals';
import type { Session } from '../support/clients.js';
import { createLocalUser, type LocalUser } from '../support/clients.js';
import { endOfLog, eventsSince, type Provisioned, provision, provisionGroup, typesSince } from '../support/provisioning.js';
import { CALLERS, type Caller, callerSessions } from '../support/roles.js';
import { withWorld } from '../support/test-world.js';

const GROUPS = '/api/admin/groups';

const usersOf = (...ids: readonly number[]): object => ids.map((id) => ({ user: { id } }));
const idsOf = (group: { readonly users: readonly { readonly user: { readonly id: number } }[] }): readonly number[] =>
  group.users.map(({ user }) => user.id).sort((a, b) => a - b);

describe('the Groups pages', () => {
  const world = withWorld();
  let ada: LocalUser;
  let bob: LocalUser;

  beforeAll(async () => {
    ada = await createLocalUser(world().admin, { username: 'ada', email: 'ada@example.com', name: 'Ada' });
    bob = await createLocalUser(world().admin, { username: 'bob', name: 'Bob' });
  });

  test('make, list, show, change and delete a group, each in the shape that the page reads', async () => {
    const { admin, db } = world();
    const mark = await endOfLog(db);
    const body = { name: 'Team', description: 'Ours', mappingsSSO: ['sso-team'], users: usersOf(ada.id) };
    const created = await admin.post(GROUPS).send(body).expect(201);
    const id: number = created.body.id;
    const shown = {
      id,
      name: 'Team',
      description: 'Ours',
      mappingsSSO: ['sso-team'],
      rootRole: null,
      scimId: null,
      createdAt: expect.any(String),
    };
    expect(created.body).toMatchObject(shown);

    const member = { id: ada.id, name: 'Ada', username: 'ada', email: 'ada@example.com', imageUrl: expect.any(String) };
    const withMember = {
      ...shown,
      users: [{ user: expect.objectContaining(member), joinedAt: expect.any(String), createdBy: 'admin' }],
    };
    const list = await admin.get(GROUPS).expect(200);
    expect(list.body).toEqual({ groups: [expect.objectContaining({ ...withMember, projects: [] })] });
    const view = await admin.get(`${GROUPS}/${id}`).expect(200);
    expect(view.body).toMatchObject(withMember);

    const change = { name: 'Crew', description: '', mappingsSSO: [], users: usersOf(bob.id, ada.id), rootRole: 2 };
    await admin.put(`${GROUPS}/${id}`).send(change).expect(200);
    const after = await admin.get(`${GROUPS}/${id}`).expect(200);
    expect(after.body).toMatchObject({ id, name: 'Crew', description: '', mappingsSSO: [], rootRole: 2 });
    expect(idsOf(after.body)).toEqual([ada.id, bob.id]);

    await admin.delete(`${GROUPS}/${id}`).expect(200);
    await admin.get(`${GROUPS}/${id}`).expect(404);
    expect((await admin.get(GROUPS).expect(200)).body).toEqual({ groups: [] });
    expect(await typesSince(db, mark)).toEqual(['group-created', 'group-updated', 'group-deleted']);
  });

  test('clear the role and the members that a change does not name', async () => {
    const { admin } = world();
    const { body } = await admin
      .post(GROUPS)
      .send({ name: 'Cleared', users: usersOf(ada.id), rootRole: 2 })
      .expect(201);
    await admin.put(`${GROUPS}/${body.id}`).send({ name: 'Cleared' }).expect(200);
    const after = await admin.get(`${GROUPS}/${body.id}`).expect(200);
    expect(after.body).toMatchObject({ rootRole: null, users: [] });
  });

  test('store nothing that the page does not send', async () => {
    const { admin, db } = world();
    const body = { name: 'Plain', id: 77, scimId: 'x', createdBy: 'somebody', scim_external_id: 'y' };
    const created = await admin.post(GROUPS).send(body).expect(201);
    expect(await db.query('SELECT scim_id, scim_external_id FROM groups WHERE id = $1', [created.body.id])).toEqual([
      { scim_id: null, scim_external_id: null },
    ]);
    expect(created.body.id).not.toBe(77);
  });

  test('refuse a name that is taken', async () => {
    const { admin } = world();
    await admin.post(GROUPS).send({ name: 'Taken' }).expect(201);
    const { body } = await admin.post(GROUPS).send({ name: 'Taken' }).expect(409);
    expect(body).toMatchObject({ name: 'NameExistsError', message: expect.any(String) });
  });

  test.each(['abc', '0', '-1', '1.5', '1e99', '99999999999', '%20', '%00', 'null', '1;2', "1'"])(
    'answer 400 to the id %s',
    async (id) => {
      const { admin } = world();
      const body = { name: 'Any' };
      for (const answer of [
        await admin.get(`${GROUPS}/${id}`),
        await admin.put(`${GROUPS}/${id}`).send(body),
        await admin.delete(`${GROUPS}/${id}`),
      ]) {
        expect([answer.status, answer.body.name]).toEqual([400, 'BadDataError']);
      }
    },
  );

  test('answer 404 to an id that no group has', async () => {
    const { admin } = world();
    const path = `${GROUPS}/2000000000`;
    await admin.get(path).expect(404);
    await admin.put(path).send({ name: 'Nobody' }).expect(404);
    await admin.delete(path).expect(404);
  });

  const deep = (levels: number): unknown => (levels === 0 ? [] : [deep(levels - 1)]);
  test.each<[string, unknown]>([
    ['no name', {}],
    ['an empty name', { name: '' }],
    ['a blank name', { name: '  ' }],
    ['a name that is no text', { name: { toString: 'x' } }],
    ['a name of 256 characters', { name: 'x'.repeat(256) }],
    ['a name with a NUL', { name: 'a\u0000b' }],
    ['a name with half a surrogate pair', { name: 'a\ud800b' }],
    ['a description with a NUL', { name: 'B1', description: 'a\u0000b' }],
    ['a mapping with a NUL', { name: 'B2', mappingsSSO: ['a\u0000b'] }],
    ['a mapping with half a surrogate pair', { name: 'B3', mappingsSSO: ['\udc00'] }],
    ['mappings that are no list', { name: 'B4', mappingsSSO: 'x' }],
    ['users that are no list', { name: 'B5', users: 'ada' }],
    ['a user without an id', { name: 'B6', users: [{ user: {} }] }],
    ['a user of a wrong id', { name: 'B7', users: usersOf(-1) }],
    ['a user too big for the database', { name: 'B8', users: usersOf(2 ** 31) }],
    ['a user twice', { name: 'B9', users: usersOf(1, 1) }],
    ['a user that does not exist', { name: 'B9', users: usersOf(2_000_000_000) }],
    ['a role that does not exist', { name: 'B10', rootRole: 2_000_000_000 }],
    ['a role that is no number', { name: 'B11', rootRole: 'Admin' }],
    ['a role for projects', { name: 'B12', rootRole: 4 }],
    ['a list', []],
    ['deep lists', { name: 'B13', users: deep(1000) }],
  ])('answer 400 to %s, and change nothing', async (_what, body) => {
    const { admin, db } = world();
    const { body: group } = await admin
      .post(GROUPS)
      .send({ name: `Group ${Math.random()}` })
      .expect(201);
    const mark = await endOfLog(db);
    const before = await db.query('SELECT id, name FROM groups ORDER BY id');
    for (const answer of [
      await admin.post(GROUPS).send(body as object),
      await admin.put(`${GROUPS}/${group.id}`).send(body as object),
    ]) {
      expect([answer.status, answer.body.name]).toEqual([400, 'BadDataError']);
      expect(answer.body.message).not.toMatch(/insert into|update "|violates|syntax/i);
    }
    expect(await db.query('SELECT id, name FROM groups ORDER BY id')).toEqual(before);
    expect(await typesSince(db, mark)).toEqual([]);
  });

  test('answer 400 to a member who was removed', async () => {
    const { admin, db } = world();
    const gone = await createLocalUser(admin, { username: 'gone' });
    await admin.delete(`/api/admin/user-admin/${gone.id}`).expect(200);
    await admin
      .post(GROUPS)
      .send({ name: 'With a ghost', users: usersOf(gone.id) })
      .expect(400);
    expect(await db.query('SELECT * FROM group_user WHERE user_id = $1', [gone.id])).toEqual([]);
  });
});

describe('who may use the Groups pages', () => {
  const world = withWorld();
  const expected: Readonly<Record<Caller, number>> = {
    admin: 200,
    'authentication manager': 403,
    editor: 403,
    viewer: 403,
    nobody: 401,
  };
  let sessions: Readonly<Record<Caller, Session>>;
  let id: number;

  beforeAll(async () => {
    sessions = await callerSessions(world());
    id = (await world().admin.post(GROUPS).send({ name: 'Guarded' }).expect(201)).body.id;
  });

  test.each(CALLERS)('%s', async (caller) => {
    const session = sessions[caller];
    const status = expected[caller];
    await session.get(GROUPS).expect(status);
    await session.get(`${GROUPS}/${id}`).expect(status);
    await session.put(`${GROUPS}/${id}`).send({ name: 'Guarded' }).expect(status);
    await session
      .post(GROUPS)
      .send({ name: `By ${caller}` })
      .expect(status === 200 ? 201 : status);
    const own = await world()
      .admin.post(GROUPS)
      .send({ name: `For ${caller}` })
      .expect(201);
    await session.delete(`${GROUPS}/${own.body.id}`).expect(status);
  });
});

describe('a synced group on the Groups pages', () => {
  const world = withWorld();
  let person: Provisioned;
  let group: Provisioned;

  beforeAll(async () => {
    person = await provision(world(), 'member@example.com', { displayName: 'Member' });
    group = await provisionGroup(world(), 'Synced', [person]);
  });

  test('is marked as such', async () => {
    const { body } = await world().admin.get(GROUPS).expect(200);
    expect(body.groups).toEqual([expect.objectContaining({ id: group.hostId, name: 'Synced', scimId: group.id })]);
    expect(idsOf(body.groups[0])).toEqual([person.hostId]);
  });

  test.each<[string, object]>([
    ['another name', { name: 'Renamed', member: true }],
    ['a member less', { name: 'Synced', member: false }],
  ])('refuses %s', async (_what, { name, member }: { name?: string; member?: boolean }) => {
    const { admin, db } = world();
    const mark = await endOfLog(db);
    const users = member === true ? usersOf(person.hostId) : [];
    const { body } = await admin.put(`${GROUPS}/${group.hostId}`).send({ name, users }).expect(400);
    expect(body).toMatchObject({ name: 'BadDataError', message: expect.stringContaining('SCIM group') });
    expect(await typesSince(db, mark)).toEqual([]);
  });

  test('takes a role and a description, and stays the same in SCIM', async () => {
    const { admin, db, scim } = world();
    const before = (await scim.get(`/Groups/${group.id}`).expect(200)).body;
    const mark = await endOfLog(db);
    const body = { name: 'Synced', description: 'By hand', users: usersOf(person.hostId), rootRole: 2 };
    await admin.put(`${GROUPS}/${group.hostId}`).send(body).expect(200);

    const { body: after } = await admin.get(`${GROUPS}/${group.hostId}`).expect(200);
    expect(after).toMatchObject({ description: 'By hand', rootRole: 2, scimId: group.id });
    const [event, ...more] = await eventsSince(db, mark);
    expect(more).toEqual([]);
    expect(event).toMatchObject({ type: 'group-updated', created_by: 'admin', data: { rootRole: 2, users: [person.hostId] } });
    expect((await scim.get(`/Groups/${group.id}`).expect(200)).body).toEqual(before);
  });
});
