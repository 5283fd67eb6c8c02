import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import type { Session } from '../support/clients.js';
import { credentialsOf, insertCredentials, NO_CREDENTIALS } from '../support/credentials.js';
import { type Host, startHost } from '../support/host-process.js';
import {
  ADMIN_ROLE,
  endOfLog,
  eventsSince,
  hostUser,
  type Provisioned,
  provision,
  provisionGroup,
  rolesOf,
  setActive,
  typesSince,
  userBody,
} from '../support/provisioning.js';
import { managedSession, removeBootstrapAdmin, setRootRole } from '../support/roles.js';
import { withWorld } from '../support/test-world.js';

const DELETE_PEOPLE = '/api/admin/user-admin/scim-users';
const PAGE = '/api/admin/projects';

describe('the button that deletes the people, where a local admin exists', () => {
  const world = withWorld();
  let people: readonly Provisioned[];
  let suspended: Provisioned;
  let session: Session;
  let mark: number;

  beforeAll(async () => {
    const { admin, db, scim } = world();
    people = [await provision(world(), 'ada@example.com', { displayName: 'Ada' }), await provision(world(), 'bob', {})];
    suspended = await provision(world(), 'sue@example.com', { externalId: 'sue-1' });
    await scim.patch(`/Users/${suspended.id}`, setActive(false)).expect(200);
    for (const { hostId } of people) {
      await setRootRole(db, hostId, ADMIN_ROLE);
      await insertCredentials(db, hostId);
    }
    await provisionGroup(world(), 'Synced', people);
    session = await managedSession(world(), people[0]?.hostId ?? 0);
    await session.get(PAGE).expect(200);
    mark = await endOfLog(db);
    await admin.delete(DELETE_PEOPLE).set('Content-Type', 'application/json').expect(200);
  });

  test('keeps nobody, not even who was an admin', async () => {
    const { db, scim } = world();
    for (const { id, hostId } of people) {
      expect(await hostUser(db, hostId)).toMatchObject({ deleted: true, email: null, username: null, scim_id: null });
      expect(await rolesOf(db, hostId)).toEqual([]);
      expect(await credentialsOf(db, hostId)).toEqual(NO_CREDENTIALS);
      await scim.get(`/Users/${id}`).expect(404);
    }
    await scim.get(`/Users/${suspended.id}`).expect(404);
    expect((await scim.get('/Users').expect(200)).body.totalResults).toBe(0);
  });

  test('refuses their sessions', async () => {
    await session.get(PAGE).expect(401);
  });

  test('leaves local users and groups alone', async () => {
    const { admin, scim } = world();
    await admin.get(PAGE).expect(200);
    const { body } = await scim.get('/Groups').expect(200);
    expect(body.Resources).toEqual([expect.objectContaining({ displayName: 'Synced' })]);
    expect(body.Resources[0].members ?? []).toEqual([]);
  });

  test('tells of everybody, then of the whole', async () => {
    const { db } = world();
    const events = await eventsSince(db, mark);
    expect(events.map(({ type }) => type)).toEqual(['user-deleted', 'user-deleted', 'user-deleted', 'scim-users-deleted']);
    expect(events.map(({ pre_data }) => String(pre_data?.email ?? pre_data?.username ?? 'the whole')).sort()).toEqual([
      'ada@example.com',
      'bob',
      'sue@example.com',
      'the whole',
    ]);
    const ada = events.find(({ pre_data }) => pre_data?.email === 'ada@example.com');
    expect(ada?.pre_data).toMatchObject({ id: people[0]?.hostId, name: 'Ada', rootRole: ADMIN_ROLE });
    expect(new Set(events.map(({ created_by }) => created_by))).toEqual(new Set(['admin']));
  });

  test('lets the identity provider bring everybody anew, as other users', async () => {
    const { db, scim } = world();
    const again = await provision(world(), 'ada@example.com');
    const sue = await scim.post('/Users', userBody('sue@example.com', { externalId: 'sue-1' })).expect(201);
    expect(again.id).not.toBe(people[0]?.id);
    expect(again.hostId).not.toBe(people[0]?.hostId);
    expect(sue.body.id).not.toBe(suspended.id);
    expect(await rolesOf(db, again.hostId)).toEqual(['3:default']);
  });

  test('passes where nobody is left to delete', async () => {
    const { admin, db } = world();
    await admin.delete(DELETE_PEOPLE).expect(200);
    const again = await endOfLog(db);
    await admin.delete(DELETE_PEOPLE).expect(200);
    expect(await typesSince(db, again)).toEqual(['scim-users-deleted']);
  });
});

describe('people whom the button deleted', () => {
  const world = withWorld();
  const names = ['by-login@example.com', 'by-invite@example.com'] as const;
  let sso: Host;

  beforeAll(async () => {
    const modulePath = fileURLToPath(new URL('../support/sso-login.js', import.meta.url));
    sso = await startHost({ database: world().db, hostOptions: { modulePath } });
  });

  afterAll(() => sso?.stop());

  const invite = async (): Promise<string> => {
    const body = { name: `link ${Date.now()}`, expiresAt: new Date(Date.now() + 86_400_000).toISOString() };
    const answer = await world().admin.post('/api/admin/invite-link/tokens').send(body).expect(201);
    return answer.body.secret;
  };
  const login = (): Promise<request.Response> => request(sso.url).post('/sso/login').send({ email: names[0] }).then();
  const signUp = async (): Promise<request.Response> =>
    request(world().host.url)
      .post(`/invite/${await invite()}/signup`)
      .send({ email: names[1], name: 'Invited', password: 'a-Strong-Enough-1-Password' });

  test('come by a login or an invite link, which were refused while they were suspended', async () => {
    const { admin, scim } = world();
    for (const name of names) {
      const { id } = await provision(world(), name);
      await scim.patch(`/Users/${id}`, setActive(false)).expect(200);
    }
    expect([(await login()).status, (await signUp()).status]).toEqual([403, 403]);

    await admin.delete(DELETE_PEOPLE).expect(200);

    expect((await login()).status).toBe(200);
    expect([200, 201]).toContain((await signUp()).status);
  });
});

describe('the button that deletes the people, where all admins are managed', () => {
  const world = withWorld({ env: { INIT_ADMIN_API_TOKENS: '*:*.an-admin-api-token' } });
  let older: Provisioned;
  let acting: Provisioned;
  let plain: Provisioned;
  let session: Session;

  beforeAll(async () => {
    const { db } = world();
    older = await provision(world(), 'older@example.com');
    acting = await provision(world(), 'acting@example.com', { externalId: 'acting-1' });
    plain = await provision(world(), 'plain@example.com');
    for (const { hostId } of [older, acting]) await setRootRole(db, hostId, ADMIN_ROLE);
    session = await managedSession(world(), acting.hostId);
    await removeBootstrapAdmin(world(), session);
  });

  test('keeps who pressed it, as a local user with their session and role', async () => {
    const { db, scim } = world();
    const before = await hostUser(db, acting.hostId);
    await session.delete(DELETE_PEOPLE).expect(200);

    expect(await hostUser(db, acting.hostId)).toEqual({ ...before, scim_id: null, scim_external_id: null });
    expect(await rolesOf(db, acting.hostId)).toEqual([`${ADMIN_ROLE}:default`]);
    for (const { hostId } of [older, plain]) expect(await hostUser(db, hostId)).toMatchObject({ deleted: true });
    await session.get('/api/admin/scim-settings').expect(200);
    await session.put(`/api/admin/user-admin/${acting.hostId}`).send({ name: 'Local now', rootRole: ADMIN_ROLE }).expect(200);
    expect((await scim.get('/Users').expect(200)).body.totalResults).toBe(0);
  });

  test('keeps the oldest admin where no person pressed it', async () => {
    const { db, host } = world();
    const next = await provision(world(), 'next@example.com');
    const last = await provision(world(), 'last@example.com');
    // The provider states the local admin again, which adopts them: now all admins are managed.
    await world()
      .scim.post('/Users', userBody('acting@example.com', { externalId: 'acting-1' }))
      .expect(201);
    await setRootRole(db, next.hostId, ADMIN_ROLE);
    const api = request(host.url).delete(DELETE_PEOPLE).set('Authorization', '*:*.an-admin-api-token');

    await api.expect(200);

    expect(await hostUser(db, acting.hostId)).toMatchObject({ deleted: false, scim_id: null });
    expect(await rolesOf(db, acting.hostId)).toEqual([`${ADMIN_ROLE}:default`]);
    for (const { hostId } of [next, last]) expect(await hostUser(db, hostId)).toMatchObject({ deleted: true });
    await session.get('/api/admin/scim-settings').expect(200);
  });
});

describe('the button that deletes the people, where the admins are so by a synced group', () => {
  const world = withWorld();

  test('keeps the one who pressed it in the group', async () => {
    const { admin } = world();
    const people = [await provision(world(), 'first@example.com'), await provision(world(), 'second@example.com')];
    const group = await provisionGroup(world(), 'Admins', people);
    const users = people.map(({ hostId }) => ({ user: { id: hostId } }));
    await admin.put(`/api/admin/groups/${group.hostId}`).send({ name: 'Admins', users, rootRole: ADMIN_ROLE }).expect(200);
    const session = await managedSession(world(), people[1]?.hostId ?? 0);
    await removeBootstrapAdmin(world(), session);

    await session.delete(DELETE_PEOPLE).expect(200);

    await session.get('/api/admin/scim-settings').expect(200);
    const { body } = await session.get(`/api/admin/groups/${group.hostId}`).expect(200);
    expect(body.users.map(({ user }: { readonly user: { readonly id: number } }) => user.id)).toEqual([people[1]?.hostId]);
  });
});
