import { describe, expect, test } from '@jest/globals';
import { credentialsOf, insertCredentials, NO_CREDENTIALS } from '../support/credentials.js';
import {
  ADMIN_ROLE,
  addMembers,
  endOfLog,
  eventsSince,
  FIRST_TOKEN,
  groupBody,
  hostMembers,
  hostUser,
  patchBody,
  provision,
  provisionGroup,
  rolesOf,
  SYSTEM_USER_ID,
  setActive,
  shownMembers,
  userBody,
  VIEWER_ROLE,
} from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';

const world = withWorld();

const hostIdOf = async (scimId: string, table: 'users' | 'groups' = 'users'): Promise<number> => {
  const [row] = await world().db.query<{ id: number }>(`SELECT id FROM ${table} WHERE scim_id = $1`, [scimId]);
  return row?.id ?? 0;
};

const found = async (filter: string): Promise<readonly string[]> => {
  const { body } = await world()
    .scim.get(`/Users?filter=${encodeURIComponent(filter)}`)
    .expect(200);
  return (body.Resources ?? []).map(({ id }: { readonly id: string }) => id);
};

describe('a person whom the identity provider deletes', () => {
  test('is soft-deleted in the host with everything that let them in, and the audit log keeps their name', async () => {
    const { db, scim, admin } = world();
    const person = await provision(world(), 'deleted@example.com', { displayName: 'Dee Leted' });
    const group = await provisionGroup(world(), 'group of the deleted', [person]);
    await db.query(`INSERT INTO role_user (role_id, user_id, project) VALUES (4, $1, 'default')`, [person.hostId]);
    await insertCredentials(db, person.hostId);
    const mark = await endOfLog(db);
    await scim.delete(`/Users/${person.id}`).expect(204);

    expect(await hostUser(db, person.hostId)).toMatchObject({
      deleted: true,
      name: 'Dee Leted(Deleted)',
      username: null,
      email: null,
      scim_id: null,
    });
    expect(await rolesOf(db, person.hostId)).toEqual([]);
    expect(await hostMembers(db, group.hostId)).toEqual([]);
    expect(await shownMembers(scim, group.id)).toEqual([]);
    expect(await credentialsOf(db, person.hostId)).toEqual(NO_CREDENTIALS);
    const pre_data = { id: person.hostId, name: 'Dee Leted', email: 'deleted@example.com', rootRole: VIEWER_ROLE };
    expect(await eventsSince(db, mark)).toEqual([
      {
        id: expect.any(Number),
        type: 'user-deleted',
        created_by: FIRST_TOKEN,
        created_by_user_id: SYSTEM_USER_ID,
        ip: expect.any(String),
        data: null,
        pre_data,
      },
    ]);
    const { body: log } = await admin.get('/api/admin/search/events?type=IS:user-deleted').expect(200);
    expect(log.events[0]).toMatchObject({ type: 'user-deleted', preData: pre_data });
  });

  test('is 404 from then on, for every method, and in no list', async () => {
    const { scim } = world();
    const person = await provision(world(), 'nowhere@example.com', { externalId: 'nowhere-1' });
    await scim.delete(`/Users/${person.id}`).expect(204);
    await scim.get(`/Users/${person.id}`).expect(404);
    await scim.put(`/Users/${person.id}`, userBody('nowhere@example.com')).expect(404);
    await scim.patch(`/Users/${person.id}`, setActive(true)).expect(404);
    await scim.delete(`/Users/${person.id}`).expect(404);
    for (const filter of [`id eq "${person.id}"`, 'userName eq "nowhere@example.com"', 'externalId eq "nowhere-1"'])
      expect(await found(filter)).toEqual([]);
    expect(await found('userName pr')).not.toContain(person.id);
  });

  test('comes again under the same userName as a new person without a right of the old one', async () => {
    const { db, scim } = world();
    const old = await provision(world(), 'phoenix@example.com', { externalId: 'phoenix-1' });
    const group = await provisionGroup(world(), 'group of the phoenix', [old]);
    await db.query('UPDATE role_user SET role_id = $2 WHERE user_id = $1', [old.hostId, ADMIN_ROLE]);
    await scim.delete(`/Users/${old.id}`).expect(204);
    const anew = await provision(world(), 'phoenix@example.com', { externalId: 'phoenix-1' });
    expect(anew.id).not.toBe(old.id);
    expect(anew.hostId).not.toBe(old.hostId);
    expect(await rolesOf(db, anew.hostId)).toEqual([`${VIEWER_ROLE}:default`]);
    expect(await hostMembers(db, group.hostId)).toEqual([]);
    expect((await scim.get(`/Users/${anew.id}`).expect(200)).body.groups).toEqual([]);
  });
});

describe("a person whom an administrator removes in the host's pages", () => {
  test('is 404, in no list and in no group, and a new POST makes a new person', async () => {
    const { db, scim, admin } = world();
    const old = await provision(world(), 'removed@example.com', { externalId: 'removed-1' });
    const group = await provisionGroup(world(), 'group of the removed', [old]);
    await db.query('UPDATE role_user SET role_id = 2 WHERE user_id = $1', [old.hostId]);
    await admin.delete(`/api/admin/user-admin/${old.hostId}`).expect(200);

    await scim.get(`/Users/${old.id}`).expect(404);
    await scim.patch(`/Users/${old.id}`, setActive(true)).expect(404);
    await scim.put(`/Users/${old.id}`, userBody('removed@example.com')).expect(404);
    await scim.delete(`/Users/${old.id}`).expect(404);
    for (const filter of [
      `id eq "${old.id}"`,
      'userName eq "removed@example.com"',
      'externalId eq "removed-1"',
      'active eq false',
    ])
      expect(await found(filter)).not.toContain(old.id);
    expect(await shownMembers(scim, group.id)).toEqual([]);
    await scim.patch(`/Groups/${group.id}`, addMembers(old.id)).expect(400);

    const anew = await provision(world(), 'Removed@Example.com', { externalId: 'removed-1' });
    expect([anew.id === old.id, anew.hostId === old.hostId]).toEqual([false, false]);
    expect(await rolesOf(db, anew.hostId)).toEqual([`${VIEWER_ROLE}:default`]);
    expect((await hostUser(db, old.hostId)).deleted).toBe(true);
  });

  test('frees their names for a change of another person, too', async () => {
    const { scim, admin } = world();
    const old = await provision(world(), 'freed', { externalId: 'freed-1' });
    const other = await provision(world(), 'heir');
    await admin.delete(`/api/admin/user-admin/${old.hostId}`).expect(200);
    await scim
      .patch(`/Users/${other.id}`, patchBody({ op: 'replace', value: { userName: 'freed', externalId: 'freed-1' } }))
      .expect(200);
  });
});

describe('a group', () => {
  test('that is created and renamed is a host group with events of both, without a member list', async () => {
    const { db, scim } = world();
    const person = await provision(world(), 'first-member@example.com');
    const mark = await endOfLog(db);
    const { body } = await scim.post('/Groups', { ...groupBody('Tour Guides', [person.id]), externalId: 'tg-1' }).expect(201);
    const hostId = await hostIdOf(body.id, 'groups');
    expect(await db.query('SELECT name, scim_external_id, root_role_id FROM groups WHERE id = $1', [hostId])).toEqual([
      { name: 'Tour Guides', scim_external_id: 'tg-1', root_role_id: null },
    ]);
    await scim.patch(`/Groups/${body.id}`, patchBody({ op: 'replace', path: 'displayName', value: 'Guides' })).expect(204);
    expect(await eventsSince(db, mark)).toMatchObject([
      { type: 'group-created', created_by: FIRST_TOKEN, data: { id: hostId, name: 'Tour Guides', users: [] } },
      { type: 'group-user-added', data: { groupId: hostId, userId: person.hostId } },
      { type: 'group-updated', data: { id: hostId, name: 'Guides' }, pre_data: { id: hostId, name: 'Tour Guides' } },
    ]);
    expect(await hostMembers(db, hostId)).toEqual([person.hostId]);
  });

  test('has a name that is unique in any case, and an externalId that is unique', async () => {
    const { scim } = world();
    await scim.post('/Groups', { ...groupBody('Unique Group'), externalId: 'ug-1' }).expect(201);
    const { body: other } = await scim.post('/Groups', groupBody('Other Group')).expect(201);
    expect((await scim.post('/Groups', groupBody('UNIQUE group')).expect(409)).body.scimType).toBe('uniqueness');
    expect((await scim.post('/Groups', { ...groupBody('Third Group'), externalId: 'ug-1' }).expect(409)).body.scimType).toBe(
      'uniqueness',
    );
    await scim.put(`/Groups/${other.id}`, groupBody('unique Group')).expect(409);
    await scim.patch(`/Groups/${other.id}`, patchBody({ op: 'replace', path: 'displayName', value: 'OTHER group' })).expect(204);
    const twins = await Promise.all([
      scim.post('/Groups', groupBody('Simultaneous')),
      scim.post('/Groups', groupBody('simultaneous')),
    ]);
    expect(twins.map(({ status }) => status).sort()).toEqual([201, 409]);
  });

  test('that is deleted ends with its role assignments, and the event names who was in it', async () => {
    const { db, scim } = world();
    const [one, two] = [await provision(world(), 'in-it-1@example.com'), await provision(world(), 'in-it-2@example.com')];
    const group = await provisionGroup(world(), 'Doomed', [one, two]);
    await db.query('UPDATE groups SET root_role_id = 2 WHERE id = $1', [group.hostId]);
    await db.query(`INSERT INTO group_role (group_id, role_id, created_by, project) VALUES ($1, 4, 'admin', 'default')`, [
      group.hostId,
    ]);
    await scim.patch(`/Users/${two.id}`, setActive(false)).expect(200);
    const mark = await endOfLog(db);
    await scim.delete(`/Groups/${group.id}`).expect(204);

    for (const table of ['group_role', 'group_user', 'scim_parked_members', 'scim_groups']) {
      expect([table, await db.query(`SELECT 1 FROM ${table} WHERE group_id = $1`, [group.hostId])]).toEqual([table, []]);
    }
    expect(await db.query('SELECT 1 FROM groups WHERE id = $1', [group.hostId])).toEqual([]);
    expect(await eventsSince(db, mark)).toMatchObject([
      {
        type: 'group-deleted',
        created_by: FIRST_TOKEN,
        pre_data: { id: group.hostId, name: 'Doomed', rootRole: 2, users: [one.hostId] },
      },
    ]);
    await scim.get(`/Groups/${group.id}`).expect(404);
    await scim.delete(`/Groups/${group.id}`).expect(404);
    expect((await scim.get(`/Users/${one.id}`).expect(200)).body.groups).toEqual([]);
    await scim.post('/Groups', groupBody('doomed')).expect(201);
  });
});
