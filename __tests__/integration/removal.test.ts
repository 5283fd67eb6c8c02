import { expect, test } from '@jest/globals';
import { catalogOf } from '../support/catalog.js';
import { adminSession, scim as clientOf, createLocalUser, type ScimClient } from '../support/clients.js';
import { createDatabase, type Database } from '../support/database.js';
import { down, ourObjects, until, withMigrating } from '../support/migrating.js';
import {
  ADMIN_ROLE,
  EDITOR_ROLE,
  hostMembers,
  hostUser,
  type Provisioned,
  provision,
  provisionGroup,
  rolesOf,
  setActive,
  userBody,
} from '../support/provisioning.js';

const { migrated, owned, hostOn } = withMigrating();

/** Every row that the host has of people, groups, roles and the log. */
const rowsOf = async (db: Database): Promise<unknown> => ({
  users: await db.query('SELECT id, name, username, email, email_hash, password_hash, deleted_at FROM users ORDER BY id'),
  roles: await db.query('SELECT role_id, user_id, project FROM role_user ORDER BY 1, 2, 3'),
  groups: await db.query('SELECT id, name, description, root_role_id FROM groups ORDER BY id'),
  groupRoles: await db.query('SELECT group_id, role_id, project FROM group_role ORDER BY 1, 2, 3'),
  members: await db.query('SELECT group_id, user_id FROM group_user ORDER BY 1, 2'),
  tokens: await db.query('SELECT user_id, description FROM personal_access_tokens ORDER BY 1, 2'),
  events: await db.query('SELECT id, type, created_by, data, pre_data FROM events ORDER BY id'),
});

const settingNames = async (db: Database): Promise<readonly string[]> =>
  (await db.query<{ name: string }>('SELECT name FROM settings ORDER BY 1')).map(({ name }) => name);

interface Used {
  readonly scim: ScimClient;
  readonly person: Provisioned;
  readonly suspended: Provisioned;
  readonly resumed: Provisioned;
  readonly group: Provisioned;
}

/** People and groups in every state that there is. */
const use = async (db: Database, scim: ScimClient): Promise<Used> => {
  const scene = { db, scim };
  const person = await provision(scene, 'stays@example.com', { displayName: 'Stays', externalId: 'ext-stays', title: 'Ms' });
  const suspended = await provision(scene, 'suspended@example.com');
  const resumed = await provision(scene, 'resumed@example.com', { displayName: 'Resumed' });
  const deleted = await provision(scene, 'deleted@example.com');
  const group = await provisionGroup(scene, 'stays', [person, suspended, resumed]);
  const gone = await provisionGroup(scene, 'goes', [person]);
  await db.query('UPDATE groups SET root_role_id = $2 WHERE id = $1', [group.hostId, ADMIN_ROLE]);
  await db.query('UPDATE role_user SET role_id = $2 WHERE user_id = $1', [resumed.hostId, EDITOR_ROLE]);
  for (const { id } of [suspended, resumed]) await scim.patch(`/Users/${id}`, setActive(false)).expect(200);
  await scim.delete(`/Users/${deleted.id}`).expect(204);
  await scim.delete(`/Groups/${gone.id}`).expect(204);
  return { scim, person, suspended, resumed, group };
};

test('down.sql leaves the schema and the settings of a host that never had ours', async () => {
  const never = owned(await createDatabase({ empty: true }));
  const plain = await hostOn(never, { hostOptions: { enterpriseVersion: '' } });
  await createLocalUser(await adminSession(plain), { username: 'local', name: 'Local' });
  await plain.stop();

  const db = await migrated();
  const host = await hostOn(db);
  await createLocalUser(await adminSession(host), { username: 'local', name: 'Local' });
  await use(db, clientOf(host));
  const installed = await catalogOf(db);
  await host.stop();
  await down(db);

  const expected = await catalogOf(never);
  expect(await catalogOf(db)).toEqual(expected);
  expect(installed).not.toEqual(expected);
  expect(await settingNames(db)).toEqual(await settingNames(never));
  expect(await db.query(`SELECT 1 FROM users WHERE scim_id IS NOT NULL OR scim_external_id IS NOT NULL`)).toEqual([]);
  expect(await db.query(`SELECT 1 FROM groups WHERE scim_id IS NOT NULL OR scim_external_id IS NOT NULL`)).toEqual([]);
});

test('down.sql leaves people, groups, memberships, roles and the log whole, and the host works without ours', async () => {
  const db = await migrated();
  const host = await hostOn(db);
  const { scim, person, suspended, resumed, group } = await use(db, clientOf(host));

  // Who shall stay is listed, and resumed first: role and groups are as they were.
  const listed = await db.query(`SELECT user_name FROM scim_users WHERE state = 'suspended' ORDER BY user_name`);
  expect(listed).toEqual([{ user_name: 'resumed@example.com' }, { user_name: 'suspended@example.com' }]);
  await scim.patch(`/Users/${resumed.id}`, setActive(true)).expect(200);
  await until(
    'the host has announced its events',
    async () => (await db.query('SELECT 1 FROM events WHERE NOT announced')).length === 0,
  );
  await host.stop();
  const before = await rowsOf(db);
  await down(db);
  expect(await rowsOf(db)).toEqual(before);
  expect(await hostUser(db, resumed.hostId)).toMatchObject({ email: 'resumed@example.com', name: 'Resumed', deleted: false });
  expect(await rolesOf(db, resumed.hostId)).toEqual([`${EDITOR_ROLE}:default`]);
  expect(await hostMembers(db, group.hostId)).toEqual([person.hostId, resumed.hostId]);
  expect(await hostUser(db, suspended.hostId)).toMatchObject({ email: null, username: null, deleted: true });
  // A second run finds nothing to do.
  await down(db);
  expect(await rowsOf(db)).toEqual(before);

  // The host without ours serves its people as local ones, editable by its pages.
  const plain = await hostOn(db, { hostOptions: { enterpriseVersion: '' } });
  const admin = await adminSession(plain);
  await admin.put(`/api/admin/user-admin/${person.hostId}`).send({ name: 'Local now', rootRole: 3 }).expect(200);
  // Who was suspended can be made anew, under the same address.
  await createLocalUser(admin, { email: 'suspended@example.com' });
  expect(await ourObjects(db)).toEqual([]);
});

test('ours comes back after down.sql, and takes the same people and groups over', async () => {
  const db = await migrated();
  const host = await hostOn(db);
  const { person, group } = await use(db, clientOf(host));
  await host.stop();
  await down(db);
  const again = clientOf(await hostOn(db));
  const { body } = await again.post('/Users', userBody('stays@example.com')).expect(201);
  expect((await hostUser(db, person.hostId)).scim_id).toBe(body.id);
  const { body: found } = await again.post('/Groups', { displayName: 'Stays', members: [{ value: body.id }] }).expect(201);
  expect(await db.query('SELECT scim_id, root_role_id FROM groups WHERE id = $1', [group.hostId])).toEqual([
    { scim_id: found.id, root_role_id: ADMIN_ROLE },
  ]);
});

test('down.sql with scim.keep_ids leaves the SCIM ids and the switch, so that everybody is found again', async () => {
  const db = await migrated();
  const host = await hostOn(db);
  const { person, suspended, group } = await use(db, clientOf(host));
  await host.stop();
  await down(db, 'SET scim.keep_ids = on');
  expect(await ourObjects(db)).toEqual([]);
  expect(await settingNames(db)).toContain('scim');

  const again = clientOf(await hostOn(db));
  const { body } = await again.get(`/Users/${person.id}`).expect(200);
  expect(body).toMatchObject({
    userName: 'stays@example.com',
    externalId: 'ext-stays',
    active: true,
    groups: [{ value: group.id }],
  });
  await again.get(`/Groups/${group.id}`).expect(200);
  await again.get(`/Users/${suspended.id}`).expect(404);
  await again.post('/Users', userBody('suspended@example.com')).expect(201);
});
