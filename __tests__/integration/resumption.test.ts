import { describe, expect, test } from '@jest/globals';
import { createLocalUser } from '../support/clients.js';
import { credentialsOf, insertCredentials, NO_CREDENTIALS } from '../support/credentials.js';
import {
  EDITOR_ROLE,
  endOfLog,
  eventsSince,
  FIRST_TOKEN,
  hostMembers,
  hostUser,
  provision,
  provisionGroup,
  rolesOf,
  setActive,
  typesSince,
  userBody,
  VIEWER_ROLE,
} from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';

const world = withWorld();

const OWNER_ROLE = 4;

const addProject = (id: string): Promise<unknown> =>
  world().db.query('INSERT INTO projects (id, name, description, created_at) VALUES ($1, $1, $1, now())', [id]);

const addRole = (hostId: number, role: number, project: string): Promise<unknown> =>
  world().db.query('INSERT INTO role_user (role_id, user_id, project) VALUES ($1, $2, $3)', [role, hostId, project]);

const addCustomRole = async (name: string): Promise<number> => {
  const [row] = await world().db.query<{ id: number }>(`INSERT INTO roles (name, type) VALUES ($1, 'root-custom') RETURNING id`, [
    name,
  ]);
  return row?.id ?? 0;
};

const setRootRole = (hostId: number, role: number): Promise<unknown> =>
  world().db.query('UPDATE role_user SET role_id = $2 WHERE user_id = $1 AND role_id = $3', [hostId, role, VIEWER_ROLE]);

describe('active: true', () => {
  test('brings the same host user back with id, names, root role, project roles and memberships, and an event user-created', async () => {
    const { scim, db } = world();
    await addProject('returning');
    const person = await provision(world(), 'returns', {
      displayName: 'Ret Urns',
      externalId: 'ret-1',
      emails: [{ value: 'Returns@Example.com' }],
    });
    const group = await provisionGroup(world(), 'returning group', [person]);
    await setRootRole(person.hostId, EDITOR_ROLE);
    await addRole(person.hostId, OWNER_ROLE, 'returning');
    const before = await hostUser(db, person.hostId);
    const roles = await rolesOf(db, person.hostId);
    await scim.patch(`/Users/${person.id}`, setActive(false)).expect(200);
    const mark = await endOfLog(db);
    await scim.patch(`/Users/${person.id}`, setActive(true)).expect(200);

    expect(await hostUser(db, person.hostId)).toEqual(before);
    expect(before).toMatchObject({
      username: 'returns',
      email: 'returns@example.com',
      name: 'Ret Urns',
      scim_external_id: 'ret-1',
    });
    expect(await rolesOf(db, person.hostId)).toEqual(roles);
    expect(roles).toEqual([`${EDITOR_ROLE}:default`, `${OWNER_ROLE}:returning`]);
    expect(await hostMembers(db, group.hostId)).toEqual([person.hostId]);
    expect(await eventsSince(db, mark)).toMatchObject([
      {
        type: 'user-created',
        created_by: FIRST_TOKEN,
        data: { id: person.hostId, name: 'Ret Urns', username: 'returns', email: 'returns@example.com', rootRole: EDITOR_ROLE },
      },
    ]);
  });

  test('restores what still exists, and the default root role where the own one was deleted', async () => {
    const { scim, db } = world();
    await addProject('short-lived');
    const custom = await addCustomRole('short-lived');
    const person = await provision(world(), 'leftover@example.com');
    const gone = await provisionGroup(world(), 'short-lived group', [person]);
    const kept = await provisionGroup(world(), 'long-lived group', [person]);
    await setRootRole(person.hostId, custom);
    await addRole(person.hostId, OWNER_ROLE, 'short-lived');
    await scim.patch(`/Users/${person.id}`, setActive(false)).expect(200);
    await db.query('DELETE FROM roles WHERE id = $1', [custom]);
    await db.query(`DELETE FROM projects WHERE id = 'short-lived'`);
    await scim.delete(`/Groups/${gone.id}`).expect(204);

    await scim.patch(`/Users/${person.id}`, setActive(true)).expect(200);
    expect(await rolesOf(db, person.hostId)).toEqual([`${VIEWER_ROLE}:default`]);
    const { body } = await scim.get(`/Users/${person.id}`).expect(200);
    expect(body.groups).toEqual([expect.objectContaining({ value: kept.id })]);
    expect(await hostMembers(db, kept.hostId)).toEqual([person.hostId]);
  });

  test('gives no right in a project that was deleted and made anew under the same id', async () => {
    const { scim, db } = world();
    await addProject('reused');
    const person = await provision(world(), 'reuse@example.com');
    await addRole(person.hostId, OWNER_ROLE, 'reused');
    await scim.patch(`/Users/${person.id}`, setActive(false)).expect(200);
    await db.query(`DELETE FROM projects WHERE id = 'reused'`);
    await addProject('reused');
    await scim.patch(`/Users/${person.id}`, setActive(true)).expect(200);
    expect(await rolesOf(db, person.hostId)).toEqual([`${VIEWER_ROLE}:default`]);
  });

  test('purges sessions, access tokens, reset links and invites that came up while the person was suspended', async () => {
    const { scim, db } = world();
    const person = await provision(world(), 'zombie-rows@example.com');
    await scim.patch(`/Users/${person.id}`, setActive(false)).expect(200);
    await insertCredentials(db, person.hostId);
    await scim.patch(`/Users/${person.id}`, setActive(true)).expect(200);
    expect(await credentialsOf(db, person.hostId)).toEqual(NO_CREDENTIALS);
  });

  test.each([
    ['e-mail', { username: 'squatter-of-mail', email: 'Taken@example.com' }, 'taken@example.com'],
    ['username', { username: 'TAKEN-name', email: 'squatter-of-name@example.com' }, 'taken-name'],
  ])('is a 409 with both ways out where a local user took the %s, and restores nothing', async (_what, squatter, userName) => {
    const { scim, db, admin } = world();
    const person = await provision(world(), userName);
    const group = await provisionGroup(world(), `group of ${userName}`, [person]);
    await scim.patch(`/Users/${person.id}`, setActive(false)).expect(200);
    const local = await createLocalUser(admin, squatter);
    const before = await hostUser(db, person.hostId);
    const mark = await endOfLog(db);

    const { body } = await scim.patch(`/Users/${person.id}`, setActive(true)).expect(409);
    expect(body.scimType).toBe('uniqueness');
    expect(body.detail).toContain(squatter.username);
    expect(body.detail).toContain(`user ${local.id}`);
    expect(body.detail).toMatch(/administrator renames .* or the identity provider deletes this person and creates them anew/);
    expect(await hostUser(db, person.hostId)).toEqual(before);
    expect(await rolesOf(db, person.hostId)).toEqual([]);
    expect(await hostMembers(db, group.hostId)).toEqual([]);
    expect(await typesSince(db, mark)).toEqual([]);
    expect((await scim.get(`/Users/${person.id}`).expect(200)).body.active).toBe(false);

    // The second way out: what the answer says is true.
    await scim.delete(`/Users/${person.id}`).expect(204);
    const { body: anew } = await scim.post('/Users', userBody(userName)).expect(201);
    expect(await hostUser(db, local.id)).toMatchObject({ scim_id: anew.id, deleted: false });
  });

  test('succeeds once an administrator has renamed the local user who was in the way', async () => {
    const { scim, admin, db } = world();
    const person = await provision(world(), 'wayout@example.com');
    await scim.patch(`/Users/${person.id}`, setActive(false)).expect(200);
    const local = await createLocalUser(admin, { email: 'wayout@example.com', name: 'In the way' });
    await scim.patch(`/Users/${person.id}`, setActive(true)).expect(409);
    await admin
      .put(`/api/admin/user-admin/${local.id}`)
      .send({ email: 'aside@example.com', name: 'Aside', rootRole: VIEWER_ROLE })
      .expect(200);
    await scim.patch(`/Users/${person.id}`, setActive(true)).expect(200);
    expect(await hostUser(db, person.hostId)).toMatchObject({ email: 'wayout@example.com', deleted: false });
  });
});
