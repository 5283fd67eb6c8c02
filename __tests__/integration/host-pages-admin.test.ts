import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { scim as clientOf, createLocalUser } from '../support/clients.js';
import { credentialsOf, insertCredentials } from '../support/credentials.js';
import { type Host, startHost } from '../support/host-process.js';
import {
  ADMIN_ROLE,
  endOfLog,
  eventsSince,
  freshName,
  hostUser,
  provision,
  provisionGroup,
  rolesOf,
  setActive,
  typesSince,
  VIEWER_ROLE,
} from '../support/provisioning.js';
import { BOOTSTRAP_ADMIN, createRootRole, setRootRole, withoutAdmins } from '../support/roles.js';
import { withWorld } from '../support/test-world.js';

const world = withWorld();
let replica: Host;
let lax: Host;
/** Of an admin API token: it may use the pages, and is no person who could be the last admin. */
let authorization: string;

const BOTH_WAYS_OUT = /give the Admin role to a synced group .*recovery admin, a local user with the Admin role/;
const ROUNDS = 6;

beforeAll(async () => {
  const { db } = world();
  authorization = `*:*.${randomBytes(28).toString('hex')}`;
  await db.query(`INSERT INTO api_tokens (secret, username, token_name, type) VALUES ($1, 'pages', 'pages', 'admin')`, [
    authorization,
  ]);
  [replica, lax] = await Promise.all([
    startHost({ database: db }),
    startHost({ database: db, scimOptions: { retainAdminAccess: false } }),
  ]);
});
afterAll(async () => {
  await Promise.all([replica?.stop(), lax?.stop()]);
});

// The bootstrap admin would always be left.
withoutAdmins(() => world().db);

const localUser = async (): Promise<number> => {
  const { db, admin } = world();
  await setRootRole(db, BOOTSTRAP_ADMIN, ADMIN_ROLE);
  const { id } = await createLocalUser(admin, { email: freshName('local'), name: 'Lo Cal' });
  await setRootRole(db, BOOTSTRAP_ADMIN, VIEWER_ROLE);
  return id;
};

const localAdmin = async (): Promise<number> => {
  const id = await localUser();
  await setRootRole(world().db, id, ADMIN_ROLE);
  return id;
};

const send = (host: Host, method: 'delete' | 'put' | 'post', path: string, body?: object): request.Test =>
  request(host.url)[method](`/api/admin/user-admin/${path}`).set({ authorization }).send(body);

type Removal = readonly [string, (host: Host, userId: number) => request.Test];

const REMOVING: Removal = ['removing them', (host, userId) => send(host, 'delete', String(userId))];
const DEMOTING: Removal = [
  'giving them another root role',
  (host, userId) => send(host, 'put', String(userId), { rootRole: VIEWER_ROLE }),
];
const CLEANING: Removal = [
  'removing them as inactive',
  (host, userId) => send(host, 'post', 'inactive/delete', { ids: [userId] }),
];
const REMOVALS = [REMOVING, DEMOTING, CLEANING];

const stateOf = async (userId: number): Promise<unknown> => {
  const { db } = world();
  return { user: await hostUser(db, userId), roles: await rolesOf(db, userId), credentials: await credentialsOf(db, userId) };
};

describe("the last admin in Unleash's own pages", () => {
  test.each(REMOVALS)('is kept: %s is a 409 that the page can show, and changes nothing', async (_name, remove) => {
    const { db, host } = world();
    const userId = await localAdmin();
    await insertCredentials(db, userId);
    const before = await stateOf(userId);
    const mark = await endOfLog(db);
    const { body } = await remove(host, userId).expect(409);
    expect(body).toMatchObject({ name: 'ConflictError', message: expect.stringMatching(BOTH_WAYS_OUT) });
    expect(await stateOf(userId)).toEqual(before);
    expect(await typesSince(db, mark)).toEqual([]);
  });

  test.each(REMOVALS)('goes where somebody else is an admin: %s passes, with its event', async (_name, remove) => {
    const { db, host } = world();
    const userId = await localAdmin();
    await localAdmin();
    const mark = await endOfLog(db);
    await remove(host, userId).expect(200);
    expect(await rolesOf(db, userId)).not.toContain(`${ADMIN_ROLE}:default`);
    expect(await eventsSince(db, mark)).toMatchObject([
      { type: expect.stringMatching(/^user-(deleted|updated)$/), pre_data: { id: userId, rootRole: ADMIN_ROLE } },
    ]);
  });

  test.each(REMOVALS)('goes where the option retainAdminAccess is false: %s passes', async (_name, remove) => {
    await remove(lax, await localAdmin()).expect(200);
  });

  test('is kept where it is one by a custom role, or by a group', async () => {
    const { db, host } = world();
    const byRole = await localUser();
    await setRootRole(db, byRole, await createRootRole(db, freshName('Custom admin'), 'ADMIN'));
    await REMOVING[1](host, byRole).expect(409);
    await DEMOTING[1](host, byRole).expect(409);
    await setRootRole(db, byRole, VIEWER_ROLE);

    const byGroup = await localUser();
    await db.query(
      `WITH g AS (INSERT INTO groups (name, root_role_id) VALUES ($1, $2) RETURNING id)
       INSERT INTO group_user (group_id, user_id) SELECT id, $3 FROM g`,
      [freshName('Admins'), ADMIN_ROLE, byGroup],
    );
    await REMOVING[1](host, byGroup).expect(409);
    // It is no root role of their own that makes them an admin.
    await DEMOTING[1](host, byGroup).expect(200);
  });

  test('is kept where a managed person is it: removed in the pages they would be gone for SCIM as well', async () => {
    const { db, host, scim } = world();
    const person = await provision(world(), freshName('managed'));
    await setRootRole(db, person.hostId, ADMIN_ROLE);
    await REMOVING[1](host, person.hostId).expect(409);
    expect((await scim.get(`/Users/${person.id}`).expect(200)).body.active).toBe(true);
  });

  test('may get another role that makes an admin, another name, and the same role again', async () => {
    const { db, host } = world();
    const userId = await localAdmin();
    await send(host, 'put', String(userId), { name: 'Another', rootRole: ADMIN_ROLE }).expect(200);
    await send(host, 'put', String(userId), { name: 'And another' }).expect(200);
    const custom = await createRootRole(db, freshName('Custom admin'), 'ADMIN');
    await send(host, 'put', String(userId), { rootRole: custom }).expect(200);
    expect(await rolesOf(db, userId)).toEqual([`${custom}:default`]);
    expect((await hostUser(db, userId)).name).toBe('And another');
  });

  test('leaves the pages as they are for everybody else, and what Unleash refuses itself', async () => {
    const { host } = world();
    const admin = await localAdmin();
    const viewer = await localUser();
    await DEMOTING[1](host, viewer).expect(200);
    await REMOVING[1](host, viewer).expect(200);
    await REMOVING[1](host, viewer).expect(404);
    await send(host, 'delete', 'nonsense').expect(({ status }) => expect(status).toBeGreaterThanOrEqual(400));
    const { body } = await send(host, 'put', String(admin), { email: 'no address', rootRole: VIEWER_ROLE }).expect(400);
    expect(JSON.stringify(body)).toContain('valid email');
    await send(host, 'put', String(admin), { rootRole: 987_654 }).expect(400);
    await REMOVING[1](host, admin).expect(409);
  });
});

test('a removal and a change of role need one connection of the pool each, so that many at once cannot block each other', async () => {
  const narrow = await startHost({ database: world().db, hostOptions: { db: { pool: { min: 0, max: 1 } } } });
  try {
    await localAdmin();
    const users = [await localUser(), await localUser(), await localUser(), await localUser()];
    const answers = await Promise.all(users.map((userId, index) => (index % 2 === 0 ? REMOVING : DEMOTING)[1](narrow, userId)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  } finally {
    await narrow.stop();
  }
});

describe('of two changes at the same time that would take the last two admins together exactly one passes', () => {
  const statusesOf = async (...answers: readonly Promise<request.Response>[]): Promise<readonly number[]> =>
    (await Promise.all(answers)).map(({ status }) => status).sort();
  const sent = (test: request.Test): Promise<request.Response> => test.then((answer) => answer);

  test.each([
    ['two removals', REMOVING, REMOVING],
    ['two changes of role', DEMOTING, DEMOTING],
    ['a removal and a change of role', REMOVING, DEMOTING],
    ['a removal and a cleaning', REMOVING, CLEANING],
  ])('%s in the pages of two replicas', async (_name, [, first], [, second]) => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const admins = [await localAdmin(), await localAdmin()] as const;
      const statuses = await statusesOf(sent(first(world().host, admins[0])), sent(second(replica, admins[1])));
      expect([round, ...statuses]).toEqual([round, 200, 409]);
      await world().db.query('UPDATE role_user SET role_id = $1 WHERE role_id = $2', [VIEWER_ROLE, ADMIN_ROLE]);
    }
  });

  test.each([REMOVING, DEMOTING])('%s in the pages, and a suspension or deletion by SCIM', async (_name, remove) => {
    const { db } = world();
    for (let round = 0; round < ROUNDS; round += 1) {
      const [local, person] = [await localAdmin(), await provision(world(), freshName('racer'))];
      await setRootRole(db, person.hostId, ADMIN_ROLE);
      const path = `/Users/${person.id}`;
      const bySync = round % 2 === 0 ? clientOf(replica).patch(path, setActive(false)) : clientOf(replica).delete(path);
      const statuses = await statusesOf(sent(remove(world().host, local)), sent(bySync));
      expect([round, statuses.filter((status) => status === 409).length, statuses.at(-1)]).toEqual([round, 1, 409]);
      await db.query('UPDATE role_user SET role_id = $1 WHERE role_id = $2', [VIEWER_ROLE, ADMIN_ROLE]);
    }
  });

  test('the removal of a person and the deletion of the group that makes another an admin', async () => {
    const { db, host } = world();
    for (let round = 0; round < ROUNDS; round += 1) {
      const [local, person] = [await localAdmin(), await provision(world(), freshName('member'))];
      const group = await provisionGroup(world(), freshName('admins'), [person]);
      await db.query('UPDATE groups SET root_role_id = $2 WHERE id = $1', [group.hostId, ADMIN_ROLE]);
      const byPage = request(replica.url).delete(`/api/admin/groups/${group.hostId}`).set({ authorization });
      const statuses = await statusesOf(sent(REMOVING[1](host, local)), sent(byPage));
      expect([round, ...statuses]).toEqual([round, 200, 409]);
      await db.query('UPDATE role_user SET role_id = $1 WHERE role_id = $2', [VIEWER_ROLE, ADMIN_ROLE]);
      await db.query('UPDATE groups SET root_role_id = NULL');
    }
  });

  test('the same admin, removed in the pages and suspended by SCIM, goes once, and neither waits for the other for ever', async () => {
    const { db, host } = world();
    await localAdmin();
    for (let round = 0; round < ROUNDS; round += 1) {
      const person = await provision(world(), freshName('both'));
      await provisionGroup(world(), freshName('of both'), [person]);
      await setRootRole(db, person.hostId, ADMIN_ROLE);
      const [page, sync] = await Promise.all([
        sent(REMOVING[1](host, person.hostId)),
        sent(clientOf(replica).patch(`/Users/${person.id}`, setActive(false))),
      ]);
      expect([round, ...[page.status, sync.status].sort()]).toEqual([round, 200, 404]);
      expect((await hostUser(db, person.hostId)).deleted).toBe(true);
    }
  });
});
