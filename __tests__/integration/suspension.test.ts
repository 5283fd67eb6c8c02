import { describe, expect, test } from '@jest/globals';

import { credentialsOf, insertCredentials, NO_CREDENTIALS } from '../support/credentials.js';
import {
  addMembers,
  endOfLog,
  eventsSince,
  FIRST_TOKEN,
  hostMembers,
  hostUser,
  patchBody,
  provision,
  provisionGroup,
  removeMember,
  rolesOf,
  SYSTEM_USER_ID,
  setActive,
  shownMembers,
  typesSince,
  userBody,
  VIEWER_ROLE,
} from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';

const world = withWorld();

const OWNER_ROLE = 4;

const addRole = (hostId: number, role: number, project: string): Promise<unknown> =>
  world().db.query('INSERT INTO role_user (role_id, user_id, project) VALUES ($1, $2, $3)', [role, hostId, project]);

describe('active: false', () => {
  test.each([
    ['PATCH', 'patched'],
    ['PUT', 'put'],
  ])(
    'by %s soft-deletes the host user and takes sessions, access tokens, reset links, invites, roles and memberships',
    async (method, name) => {
      const { db, scim, admin } = world();
      const email = `${name}@example.com`;
      const person = await provision(world(), email, { displayName: `Ms ${name}` });
      const group = await provisionGroup(world(), `group of ${name}`, [person]);
      await addRole(person.hostId, OWNER_ROLE, 'default');
      await insertCredentials(db, person.hostId);
      const before = await hostUser(db, person.hostId);
      const mark = await endOfLog(db);

      const answer =
        method === 'PATCH'
          ? await scim.patch(`/Users/${person.id}`, setActive(false)).expect(200)
          : await scim.put(`/Users/${person.id}`, userBody(email, { displayName: `Ms ${name}`, active: false })).expect(200);
      expect(answer.body).toMatchObject({ id: person.id, active: false, userName: email });

      expect(await hostUser(db, person.hostId)).toEqual({
        ...before,
        name: `Ms ${name}(Deleted)`,
        username: null,
        email: null,
        scim_id: null,
        scim_external_id: null,
        deleted: true,
      });
      expect(before.email_hash).not.toBeNull();
      expect(await credentialsOf(db, person.hostId)).toEqual(NO_CREDENTIALS);
      expect(await rolesOf(db, person.hostId)).toEqual([]);
      expect(await hostMembers(db, group.hostId)).toEqual([]);
      expect(await eventsSince(db, mark)).toEqual([
        {
          id: expect.any(Number),
          type: 'user-deleted',
          created_by: FIRST_TOKEN,
          created_by_user_id: SYSTEM_USER_ID,
          ip: expect.any(String),
          data: null,
          pre_data: { id: person.hostId, name: `Ms ${name}`, email, rootRole: VIEWER_ROLE },
        },
      ]);
      const { body } = await admin.get('/api/admin/user-admin').expect(200);
      expect(body.users.map(({ id }: { readonly id: number }) => id)).not.toContain(person.hostId);
    },
  );

  test('leaves the person in SCIM, inactive and with their groups, and the groups with their member', async () => {
    const { scim } = world();
    const person = await provision(world(), 'shown', {
      displayName: 'Shown',
      externalId: 'shown-1',
      emails: [{ value: 'shown@example.com' }],
    });
    const other = await provision(world(), 'shown-other@example.com');
    const group = await provisionGroup(world(), 'shown group', [person, other]);
    const { body: active } = await scim.get(`/Users/${person.id}`).expect(200);
    await scim.patch(`/Users/${person.id}`, setActive(false)).expect(200);

    const { body: suspended } = await scim.get(`/Users/${person.id}`).expect(200);
    expect({ ...suspended, meta: null }).toEqual({ ...active, active: false, meta: null });
    expect(suspended.groups).toEqual([expect.objectContaining({ value: group.id, display: 'shown group' })]);
    expect([...(await shownMembers(scim, group.id))].sort()).toEqual([person.id, other.id].sort());
    for (const filter of [
      'userName eq "SHOWN"',
      'externalId eq "shown-1"',
      'emails.value eq "shown@example.com"',
      'active eq false and displayName eq "Shown"',
    ]) {
      const { body } = await scim.get(`/Users?filter=${encodeURIComponent(filter)}`).expect(200);
      expect([filter, body.Resources.map(({ id }: { readonly id: string }) => id)]).toEqual([filter, [person.id]]);
    }
  });

  test('twice changes nothing the second time: no event, same version', async () => {
    const { scim, db } = world();
    const person = await provision(world(), 'twice@example.com');
    const { body: first } = await scim.patch(`/Users/${person.id}`, setActive(false)).expect(200);
    const mark = await endOfLog(db);
    const { body: second } = await scim.patch(`/Users/${person.id}`, setActive(false)).expect(200);
    expect(second).toEqual(first);
    expect(await typesSince(db, mark)).toEqual([]);
  });

  test('makes POST of the same person a 409 that keeps them suspended', async () => {
    const { scim, db } = world();
    const person = await provision(world(), 'again@example.com');
    await scim.patch(`/Users/${person.id}`, setActive(false)).expect(200);
    const { body } = await scim.post('/Users', userBody('Again@example.com')).expect(409);
    expect(body.scimType).toBe('uniqueness');
    expect((await hostUser(db, person.hostId)).deleted).toBe(true);
  });
});

describe('a suspended person', () => {
  test('joins and leaves groups on the parked rows, without a host event, and is a member of what SCIM showed when resumed', async () => {
    const { scim, db } = world();
    const person = await provision(world(), 'parked@example.com');
    const left = await provisionGroup(world(), 'parked left', [person]);
    const kept = await provisionGroup(world(), 'parked kept', [person]);
    const joined = await provisionGroup(world(), 'parked joined');
    await scim.patch(`/Users/${person.id}`, setActive(false)).expect(200);
    const mark = await endOfLog(db);

    await scim.patch(`/Groups/${left.id}`, removeMember(person.id)).expect(204);
    await scim.patch(`/Groups/${joined.id}`, addMembers(person.id)).expect(204);
    expect(await typesSince(db, mark)).toEqual([]);
    expect([await shownMembers(scim, left.id), await shownMembers(scim, kept.id), await shownMembers(scim, joined.id)]).toEqual([
      [],
      [person.id],
      [person.id],
    ]);
    expect(await hostMembers(db, joined.hostId)).toEqual([]);

    await scim.patch(`/Users/${person.id}`, setActive(true)).expect(200);
    expect([
      await hostMembers(db, left.hostId),
      await hostMembers(db, kept.hostId),
      await hostMembers(db, joined.hostId),
    ]).toEqual([[], [person.hostId], [person.hostId]]);
  });

  test('is renamed while suspended and comes back under the new names', async () => {
    const { scim, db } = world();
    const person = await provision(world(), 'maiden@example.com', { displayName: 'Maiden' });
    await scim.patch(`/Users/${person.id}`, setActive(false)).expect(200);
    await scim
      .patch(
        `/Users/${person.id}`,
        patchBody({ op: 'replace', value: { userName: 'married@example.com', displayName: 'Married' } }),
      )
      .expect(200);
    expect(await hostUser(db, person.hostId)).toMatchObject({ deleted: true, email: null, username: null });

    await scim.patch(`/Users/${person.id}`, setActive(true)).expect(200);
    const back = await hostUser(db, person.hostId);
    expect(back).toMatchObject({ deleted: false, email: 'married@example.com', name: 'Married', scim_id: person.id });
    const [hash] = await db.query(`SELECT encode(sha256('married@example.com'), 'hex') AS email_hash`);
    expect(back).toMatchObject(hash ?? {});
  });

  test('is deleted for good by DELETE: 404, and nothing parked is left', async () => {
    const { scim, db } = world();
    const person = await provision(world(), 'ended@example.com');
    const group = await provisionGroup(world(), 'ended group', [person]);
    await scim.patch(`/Users/${person.id}`, setActive(false)).expect(200);
    const mark = await endOfLog(db);
    await scim.delete(`/Users/${person.id}`).expect(204);
    await scim.get(`/Users/${person.id}`).expect(404);
    await scim.patch(`/Users/${person.id}`, setActive(true)).expect(404);
    expect(await typesSince(db, mark)).toEqual(['user-deleted']);
    expect(await shownMembers(scim, group.id)).toEqual([]);
    const parked = await db.query(
      'SELECT user_id FROM scim_parked_roles WHERE user_id = $1 UNION SELECT user_id FROM scim_parked_members WHERE user_id = $1',
      [person.hostId],
    );
    expect(parked).toEqual([]);
  });

  test('stays suspended by a PUT or PATCH that is silent about active', async () => {
    const { scim, db } = world();
    const person = await provision(world(), 'silent@example.com');
    await scim.patch(`/Users/${person.id}`, setActive(false)).expect(200);
    const { body } = await scim.put(`/Users/${person.id}`, userBody('silent@example.com', { displayName: 'Silent' })).expect(200);
    expect(body).toMatchObject({ active: false, displayName: 'Silent' });
    await scim.patch(`/Users/${person.id}`, patchBody({ op: 'replace', path: 'displayName', value: 'Quiet' })).expect(200);
    expect((await hostUser(db, person.hostId)).deleted).toBe(true);
  });
});
