import { beforeAll, describe, expect, test } from '@jest/globals';
import type { Session } from '../support/clients.js';
import {
  ADMIN_ROLE,
  endOfLog,
  eventsSince,
  hostMembers,
  type Provisioned,
  provision,
  provisionGroup,
  typesSince,
} from '../support/provisioning.js';
import { managedSession, removeBootstrapAdmin } from '../support/roles.js';
import { withWorld } from '../support/test-world.js';

const DELETE_GROUPS = '/api/admin/groups/scim-groups';

describe('the button that deletes the groups', () => {
  const world = withWorld();

  test('takes the synced ones, with an event each, and leaves people and local groups', async () => {
    const { admin, db, scim } = world();
    const person = await provision(world(), 'member@example.com');
    const groups = [await provisionGroup(world(), 'One', [person]), await provisionGroup(world(), 'Two')];
    const local = await admin
      .post('/api/admin/groups')
      .send({ name: 'Local', users: [{ user: { id: person.hostId } }] })
      .expect(201);
    const mark = await endOfLog(db);

    await admin.delete(DELETE_GROUPS).set('Content-Type', 'application/json').expect(200);

    const events = await eventsSince(db, mark);
    expect(events.map(({ type }) => type)).toEqual(['group-deleted', 'group-deleted', 'scim-groups-deleted']);
    expect(events.map(({ pre_data }) => pre_data?.name)).toEqual(['One', 'Two', undefined]);
    expect(events[0]?.pre_data).toMatchObject({ id: groups[0]?.hostId, users: [person.hostId] });
    expect(new Set(events.map(({ created_by }) => created_by))).toEqual(new Set(['admin']));
    for (const { id } of groups) await scim.get(`/Groups/${id}`).expect(404);
    await scim.get(`/Users/${person.id}`).expect(200);
    expect(await hostMembers(db, local.body.id)).toEqual([person.hostId]);
  });

  test('passes where there is none', async () => {
    const { admin, db } = world();
    const mark = await endOfLog(db);
    await admin.delete(DELETE_GROUPS).expect(200);
    expect(await typesSince(db, mark)).toEqual(['scim-groups-deleted']);
  });

  test('lets the identity provider bring a group anew', async () => {
    expect(await provisionGroup(world(), 'One')).toEqual({ id: expect.any(String), hostId: expect.any(Number) });
  });
});

describe('the button that deletes the groups, where the last admin is one by a synced group', () => {
  const world = withWorld();
  let session: Session;
  let groups: readonly Provisioned[];
  let person: Provisioned;

  beforeAll(async () => {
    const { admin } = world();
    person = await provision(world(), 'admin-by-group@example.com');
    groups = [await provisionGroup(world(), 'Admins', [person]), await provisionGroup(world(), 'Others', [person])];
    const body = { name: 'Admins', users: [{ user: { id: person.hostId } }], rootRole: ADMIN_ROLE };
    await admin.put(`/api/admin/groups/${groups[0]?.hostId}`).send(body).expect(200);
    session = await managedSession(world(), person.hostId);
    await removeBootstrapAdmin(world(), session);
  });

  test('is refused in the shape of the host, and nothing has changed', async () => {
    const { db, scim } = world();
    const mark = await endOfLog(db);

    const { body } = await session
      .delete(DELETE_GROUPS)
      .expect(409)
      .expect('Content-Type', /^application\/json/);

    expect(body).toEqual({
      name: 'ConflictError',
      message: expect.stringContaining('recovery admin'),
      details: [{ message: body.message }],
    });
    expect(await typesSince(db, mark)).toEqual([]);
    for (const { id, hostId } of groups) {
      await scim.get(`/Groups/${id}`).expect(200);
      expect(await hostMembers(db, hostId)).toEqual([person.hostId]);
    }
    await session.get('/api/admin/scim-settings').expect(200);
  });
});
