import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { scim as clientOf } from '../support/clients.js';
import { type Host, startHost } from '../support/host-process.js';
import {
  ADMIN_ROLE,
  endOfLog,
  freshName,
  groupBody,
  hostMembers,
  hostUser,
  type Provisioned,
  patchBody,
  provision,
  provisionGroup,
  removeMember,
  rolesOf,
  setActive,
  typesSince,
  userBody,
} from '../support/provisioning.js';
import { BOOTSTRAP_ADMIN, createRootRole, setRootRole, withoutAdmins } from '../support/roles.js';
import { withWorld } from '../support/test-world.js';

const world = withWorld();
let replica: Host;
let lax: Host;

const BOTH_WAYS_OUT = /give the Admin role to a synced group .*recovery admin, a local user with the Admin role/;

beforeAll(async () => {
  const { db } = world();
  replica = await startHost({ database: db });
  lax = await startHost({ database: db, scimOptions: { retainAdminAccess: false } });
});
afterAll(async () => {
  await Promise.all([replica?.stop(), lax?.stop()]);
});

// The bootstrap admin would always be left.
withoutAdmins(() => world().db);

const customAdminRole = (): Promise<number> => createRootRole(world().db, freshName('role'), 'ADMIN');

interface LastAdmin {
  readonly person: Provisioned;
  readonly group: Provisioned;
}

/** The ways in which the host gives somebody the ADMIN permission. The person is the one member of the group. */
const WAYS: ReadonlyArray<readonly [string, boolean, (admin: LastAdmin) => Promise<unknown>]> = [
  ['the Admin role', false, ({ person }) => setRootRole(world().db, person.hostId, ADMIN_ROLE)],
  [
    'a custom root role with the ADMIN permission',
    false,
    async ({ person }) => setRootRole(world().db, person.hostId, await customAdminRole()),
  ],
  [
    'the root role of a group',
    true,
    ({ group }) => world().db.query('UPDATE groups SET root_role_id = $2 WHERE id = $1', [group.hostId, ADMIN_ROLE]),
  ],
  [
    'a custom root role of a group',
    true,
    async ({ group }) =>
      world().db.query('UPDATE groups SET root_role_id = $2 WHERE id = $1', [group.hostId, await customAdminRole()]),
  ],
  [
    'a role of a group in a project',
    true,
    ({ group }) =>
      world().db.query(`INSERT INTO group_role (group_id, role_id, created_by, project) VALUES ($1, $2, 'admin', 'default')`, [
        group.hostId,
        ADMIN_ROLE,
      ]),
  ],
];

type Removal = readonly [string, (admin: LastAdmin, host: Host) => ReturnType<ReturnType<typeof clientOf>['get']>];

const OF_PERSON: readonly Removal[] = [
  ['suspending them by PATCH', ({ person }, host) => clientOf(host).patch(`/Users/${person.id}`, setActive(false))],
  [
    'suspending them by PUT',
    ({ person }, host) => clientOf(host).put(`/Users/${person.id}`, userBody(freshName('put'), { active: false })),
  ],
  ['deleting them', ({ person }, host) => clientOf(host).delete(`/Users/${person.id}`)],
];
const OF_GROUP: readonly Removal[] = [
  [
    'taking them out of the group',
    ({ person, group }, host) => clientOf(host).patch(`/Groups/${group.id}`, removeMember(person.id)),
  ],
  [
    'taking everybody out of the group',
    ({ group }, host) => clientOf(host).patch(`/Groups/${group.id}`, patchBody({ op: 'remove', path: 'members' })),
  ],
  ['a PUT without them', ({ group }, host) => clientOf(host).put(`/Groups/${group.id}`, groupBody(freshName('renamed'), []))],
  ['deleting the group', ({ group }, host) => clientOf(host).delete(`/Groups/${group.id}`)],
];

const lastAdmin = async (give: (admin: LastAdmin) => Promise<unknown>): Promise<LastAdmin> => {
  const person = await provision(world(), freshName('last'));
  const admin = { person, group: await provisionGroup(world(), freshName('admins'), [person]) };
  await give(admin);
  return admin;
};

const stateOf = async ({ person, group }: LastAdmin): Promise<unknown> => {
  const { db, scim } = world();
  return {
    user: await hostUser(db, person.hostId),
    roles: await rolesOf(db, person.hostId),
    members: await hostMembers(db, group.hostId),
    shown: (await scim.get(`/Groups/${group.id}`).expect(200)).body,
    groups: await db.query('SELECT name, root_role_id FROM groups WHERE id = $1', [group.hostId]),
  };
};

describe.each(WAYS)('the last admin by %s', (_way, byGroup, give) => {
  test.each(byGroup ? [...OF_PERSON, ...OF_GROUP] : OF_PERSON)(
    'is kept: %s is a 409 that names both ways out and changes nothing',
    async (_name, remove) => {
      const { db, host } = world();
      const admin = await lastAdmin(give);
      const before = await stateOf(admin);
      const mark = await endOfLog(db);
      const { body } = await remove(admin, host).expect(409);
      expect(body.detail).toMatch(BOTH_WAYS_OUT);
      expect(await stateOf(admin)).toEqual(before);
      expect(await typesSince(db, mark)).toEqual([]);
    },
  );

  test.each(byGroup ? [...OF_PERSON, ...OF_GROUP] : OF_PERSON)(
    'goes where somebody else is an admin: %s passes',
    async (_name, remove) => {
      const admin = await lastAdmin(give);
      await setRootRole(world().db, BOOTSTRAP_ADMIN, ADMIN_ROLE);
      expect([200, 204]).toContain((await remove(admin, world().host)).status);
    },
  );

  test.each(byGroup ? [...OF_PERSON, ...OF_GROUP] : OF_PERSON)(
    'goes where the option retainAdminAccess is false: %s passes',
    async (_name, remove) => {
      expect([200, 204]).toContain((await remove(await lastAdmin(give), lax)).status);
    },
  );
});

const groupAdmin = WAYS[2]?.[2] ?? (() => Promise.reject(new Error('no such way')));

test('a request that swaps the last admin for another one passes', async () => {
  const { db, scim } = world();
  const { person, group } = await lastAdmin(groupAdmin);
  const next = await provision(world(), freshName('next'));
  await scim
    .patch(
      `/Groups/${group.id}`,
      patchBody(
        { op: 'remove', path: `members[value eq "${person.id}"]` },
        { op: 'add', path: 'members', value: [{ value: next.id }] },
      ),
    )
    .expect(204);
  expect(await hostMembers(db, group.hostId)).toEqual([next.hostId]);
  await scim.put(`/Groups/${group.id}`, groupBody(freshName('swapped'), [person.id])).expect(200);
  expect(await hostMembers(db, group.hostId)).toEqual([person.hostId]);
});

test('adopting a group that makes somebody an admin is refused where its exact members would leave nobody', async () => {
  const { db, scim } = world();
  const name = freshName('adopted admins');
  const [local] = await db.query<{ id: number }>('INSERT INTO groups (name, root_role_id) VALUES ($1, $2) RETURNING id', [
    name,
    ADMIN_ROLE,
  ]);
  const member = await provision(world(), freshName('member'));
  await db.query('INSERT INTO group_user (group_id, user_id) VALUES ($1, $2)', [local?.id, member.hostId]);
  const { body } = await scim.post('/Groups', groupBody(name, [])).expect(409);
  expect(body.detail).toMatch(BOTH_WAYS_OUT);
  expect(await db.query('SELECT scim_id FROM groups WHERE id = $1', [local?.id])).toEqual([{ scim_id: null }]);
});

test('a service account, a soft-deleted user and a suspended person with the Admin role do not count', async () => {
  const { db, scim } = world();
  const { person } = await lastAdmin(async (admin) => setRootRole(world().db, admin.person.hostId, ADMIN_ROLE));
  for (const [column, value] of [
    ['is_service', 'true'],
    ['deleted_at', 'now()'],
  ] as const) {
    const [row] = await db.query<{ id: number }>(`INSERT INTO users (username, ${column}) VALUES ($1, ${value}) RETURNING id`, [
      freshName('no person'),
    ]);
    await db.query(`INSERT INTO role_user (role_id, user_id, project) VALUES ($1, $2, 'default')`, [ADMIN_ROLE, row?.id]);
  }
  const suspended = await provision(world(), freshName('suspended'));
  await setRootRole(world().db, suspended.hostId, ADMIN_ROLE);
  await scim.patch(`/Users/${suspended.id}`, setActive(false)).expect(200);
  await scim.patch(`/Users/${person.id}`, setActive(false)).expect(409);
});

test('a service account that leaves the only admin group stops nobody: no person held the permission', async () => {
  const { db, scim } = world();
  const { body: group } = await scim.post('/Groups', { displayName: freshName('robots') }).expect(201);
  await db.query('UPDATE groups SET root_role_id = $1 WHERE scim_id = $2', [ADMIN_ROLE, group.id]);
  await db.query(
    `WITH robot AS (INSERT INTO users (username, is_service) VALUES ($1, true) RETURNING id)
     INSERT INTO group_user (group_id, user_id) SELECT g.id, robot.id FROM groups g, robot WHERE g.scim_id = $2`,
    [freshName('robot'), group.id],
  );
  await scim.put(`/Groups/${group.id}`, { displayName: group.displayName, members: [] }).expect(200);
  await scim.delete(`/Groups/${group.id}`).expect(204);
});

test('a host that has no admin at all refuses nobody: there is nothing left to keep', async () => {
  const { scim } = world();
  const person = await provision(world(), freshName('viewer'));
  await scim.patch(`/Users/${person.id}`, setActive(false)).expect(200);
});
