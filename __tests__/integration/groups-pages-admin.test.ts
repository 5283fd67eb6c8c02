import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { adminSession, type Session } from '../support/clients.js';
import { ADMIN_ROLE, endOfLog, type Provisioned, provision, provisionGroup, typesSince } from '../support/provisioning.js';
import { managedSession, removeBootstrapAdmin } from '../support/roles.js';
import { withWorld } from '../support/test-world.js';

const GROUPS = '/api/admin/groups';
/** What only an admin may read. */
const ADMINS_ONLY = '/api/admin/scim-settings';

interface GroupBody {
  readonly name: string;
  readonly users: readonly { readonly user: { readonly id: number } }[];
  readonly rootRole?: number;
}

const bodyOf = (name: string, people: readonly Provisioned[], rootRole?: number): GroupBody => ({
  name,
  users: people.map(({ hostId }) => ({ user: { id: hostId } })),
  ...(rootRole === undefined ? {} : { rootRole }),
});

describe('the Admin role of a synced group', () => {
  const world = withWorld();
  let people: readonly Provisioned[];
  let group: Provisioned;
  let member: Session;

  beforeAll(async () => {
    people = [await provision(world(), 'one@example.com'), await provision(world(), 'two@example.com')];
    group = await provisionGroup(world(), 'Admins', people);
    member = await managedSession(world(), people[0]?.hostId ?? 0);
  });

  test('makes its members admins, and they are none when it goes', async () => {
    const { admin } = world();
    const path = `${GROUPS}/${group.hostId}`;
    await member.get(ADMINS_ONLY).expect(403);
    await admin
      .put(path)
      .send(bodyOf('Admins', people, ADMIN_ROLE))
      .expect(200);
    await member.get(ADMINS_ONLY).expect(200);
    await member.get(GROUPS).expect(200);
    await admin.put(path).send(bodyOf('Admins', people)).expect(200);
    await member.get(ADMINS_ONLY).expect(403);
    await admin
      .put(path)
      .send(bodyOf('Admins', people, ADMIN_ROLE))
      .expect(200);
  });

  test('stays where nobody else is an admin', async () => {
    const { db } = world();
    await removeBootstrapAdmin(world(), member);
    const mark = await endOfLog(db);
    const path = `${GROUPS}/${group.hostId}`;
    for (const answer of [
      await member.put(path).send(bodyOf('Admins', people)),
      await member.put(path).send(bodyOf('Admins', people, 3)),
      await member.delete(path),
    ]) {
      expect(answer.status).toBe(409);
      expect(answer.body).toMatchObject({ name: 'ConflictError', message: expect.stringContaining('recovery admin') });
    }
    expect(await typesSince(db, mark)).toEqual([]);
    await member.get(ADMINS_ONLY).expect(200);
    const { body } = await member.get(path).expect(200);
    expect(body).toMatchObject({ rootRole: ADMIN_ROLE, users: [{}, {}] });
  });

  test('may go when another group gives it', async () => {
    const { body } = await member
      .post(GROUPS)
      .send(bodyOf('Local admins', people.slice(0, 1), ADMIN_ROLE))
      .expect(201);
    await member.put(`${GROUPS}/${group.hostId}`).send(bodyOf('Admins', people)).expect(200);
    await member.get(ADMINS_ONLY).expect(200);
    await member
      .put(`${GROUPS}/${body.id}`)
      .send(bodyOf('Local admins', [], ADMIN_ROLE))
      .expect(409);
    await member.delete(`${GROUPS}/${body.id}`).expect(409);
  });

  test('cannot be taken from the last two groups at the same time', async () => {
    await member
      .put(`${GROUPS}/${group.hostId}`)
      .send(bodyOf('Admins', people, ADMIN_ROLE))
      .expect(200);
    const { body } = await member.get(GROUPS).expect(200);
    const ids: readonly number[] = body.groups.map(({ id }: { readonly id: number }) => id);
    expect(ids).toHaveLength(2);
    const statuses = await Promise.all(ids.map(async (id) => (await member.delete(`${GROUPS}/${id}`)).status));
    expect(statuses.sort()).toEqual([200, 409]);
    await member.get(ADMINS_ONLY).expect(200);
  });

  test('does not block the pages while the identity provider changes the same groups', async () => {
    const { scim } = world();
    const { body } = await member.get(GROUPS).expect(200);
    const { id } = await provision(world(), 'busy@example.com');
    const busy = await provisionGroup(world(), 'Busy', [people[0] ?? group]);
    const rounds = Array.from({ length: 10 }, (_, round) => [
      member.put(`${GROUPS}/${busy.hostId}`).send(bodyOf('Busy', people.slice(0, 1), round % 2 === 0 ? ADMIN_ROLE : 3)),
      scim.patch(`/Groups/${busy.id}`, {
        schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'],
        Operations: [{ op: round % 2 === 0 ? 'remove' : 'add', path: 'members', value: [{ value: people[0]?.id }] }],
      }),
      scim.put(`/Users/${id}`, {
        schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'],
        userName: 'busy@example.com',
        active: round % 2 === 0,
      }),
    ]).flat();
    const statuses = await Promise.all(rounds.map(async (round) => (await round).status));
    // 400: the page's member list was out of date; never a failure of the server.
    expect(statuses.filter((status) => ![200, 204, 400].includes(status))).toEqual([]);
    expect(body.groups).toHaveLength(1);
  });
});

describe('groupsPages: false', () => {
  const world = withWorld({ scimOptions: { groupsPages: false } });

  test('leaves the addresses to the host, which has none', async () => {
    const { admin } = world();
    await admin.get(GROUPS).expect(404);
    await admin.get(`${GROUPS}/1`).expect(404);
    await admin.post(GROUPS).send({ name: 'Nowhere' }).expect(404);
  });

  test('leaves the button that deletes the synced groups', async () => {
    const { admin, scim } = world();
    const { id } = await provisionGroup(world(), 'Synced');
    await admin.delete(`${GROUPS}/scim-groups`).expect(200);
    await scim.get(`/Groups/${id}`).expect(404);
  });
});

describe("the embedding host's own preRouterHook", () => {
  const modulePath = fileURLToPath(new URL('../support/own-groups-page.js', import.meta.url));
  const world = withWorld({ hostOptions: { modulePath } });

  test('wins over our pages', async () => {
    const { admin } = world();
    await admin.get(GROUPS).expect(200, { own: true });
    await admin.get(ADMINS_ONLY).expect(200, { enabled: true, hasToken: true });
  });

  test('does not come before the check of the session', async () => {
    const { db, host, scim } = world();
    const { id, hostId } = await provision(world(), 'left@example.com');
    const session = await managedSession(world(), hostId);
    await session.get(GROUPS).expect(200, { own: true });
    await scim.delete(`/Users/${id}`).expect(204);
    await session.get(GROUPS).expect(401);
    await request(host.url).get(GROUPS).expect(401);
    expect(await db.query('SELECT 1 FROM users WHERE id = $1 AND deleted_at IS NULL', [hostId])).toEqual([]);
    await (await adminSession(host)).get(GROUPS).expect(200, { own: true });
  });
});
