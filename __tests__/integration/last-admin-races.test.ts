import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { lockKey } from '../../lib/stores/database.js';
import { scim as clientOf, type Session } from '../support/clients.js';
import { loginAs } from '../support/credentials.js';
import { untilHeldUp } from '../support/held-table.js';
import { type Host, startHost } from '../support/host-process.js';
import {
  ADMIN_ROLE,
  freshName,
  groupBody,
  type Provisioned,
  patchBody,
  provision,
  provisionGroup,
  removeMember,
  setActive,
  userBody,
  VIEWER_ROLE,
} from '../support/provisioning.js';
import { BOOTSTRAP_ADMIN, setRootRole } from '../support/roles.js';
import { withWorld } from '../support/test-world.js';

const world = withWorld();
let replica: Host;

beforeAll(async () => {
  replica = await startHost({ database: world().db });
});
afterAll(async () => {
  await replica?.stop();
});

const demoteAll = async (): Promise<void> => {
  const { db } = world();
  await db.query('UPDATE role_user SET role_id = $1 WHERE role_id = $2', [VIEWER_ROLE, ADMIN_ROLE]);
  await db.query('UPDATE groups SET root_role_id = NULL');
};

// The bootstrap admin would always be left.
beforeEach(demoteAll);
afterEach(async () => {
  await demoteAll();
  await setRootRole(world().db, BOOTSTRAP_ADMIN, ADMIN_ROLE);
});

const admins = async (): Promise<readonly number[]> => {
  const rows = await world().db.query<{ id: number }>(
    `SELECT u.id FROM users u WHERE u.deleted_at IS NULL AND (
       EXISTS (SELECT 1 FROM role_user ru WHERE ru.user_id = u.id AND ru.role_id = $1)
       OR EXISTS (SELECT 1 FROM group_user gu JOIN groups g ON g.id = gu.group_id WHERE gu.user_id = u.id AND g.root_role_id = $1))
     ORDER BY u.id`,
    [ADMIN_ROLE],
  );
  return rows.map(({ id }) => id);
};

/** Somebody who administers, directly or as the one member of a group with the Admin role. */
interface Admin {
  readonly person: Provisioned;
  readonly group: Provisioned | undefined;
}

const direct = async (): Promise<Admin> => {
  const person = await provision(world(), freshName('admin'));
  await setRootRole(world().db, person.hostId, ADMIN_ROLE);
  return { person, group: undefined };
};

const byGroup = async (): Promise<Admin> => {
  const person = await provision(world(), freshName('admin'));
  const group = await provisionGroup(world(), freshName('admin'), [person]);
  await world().db.query('UPDATE groups SET root_role_id = $2 WHERE id = $1', [group.hostId, ADMIN_ROLE]);
  return { person, group };
};

/** @returns the status; of a bulk request that of its operation. */
const statusOf = async (sent: PromiseLike<{ readonly status: number; readonly body: unknown }>): Promise<number> => {
  const { status, body } = await sent;
  const operations = typeof body === 'object' && body !== null && 'Operations' in body ? body.Operations : undefined;
  return Array.isArray(operations) ? Number(operations[0]?.status) : status;
};

type Removal = readonly [name: string, who: () => Promise<Admin>, remove: (admin: Admin, host: Host) => Promise<number>];

const bulk = (host: Host, operation: object): Promise<number> =>
  statusOf(clientOf(host).post('/Bulk', { Operations: [operation] }));

const groupOf = ({ group }: Admin): string => `/Groups/${group?.id}`;

const REMOVALS: readonly Removal[] = [
  ['suspends by PATCH', direct, ({ person }, host) => statusOf(clientOf(host).patch(`/Users/${person.id}`, setActive(false)))],
  [
    'suspends by PUT',
    direct,
    ({ person }, host) => statusOf(clientOf(host).put(`/Users/${person.id}`, userBody(freshName('admin'), { active: false }))),
  ],
  ['deletes a person', direct, ({ person }, host) => statusOf(clientOf(host).delete(`/Users/${person.id}`))],
  [
    'suspends in a bulk request',
    direct,
    ({ person }, host) => bulk(host, { method: 'PATCH', path: `/Users/${person.id}`, data: setActive(false) }),
  ],
  ['deletes in a bulk request', byGroup, ({ person }, host) => bulk(host, { method: 'DELETE', path: `/Users/${person.id}` })],
  ['takes a member out', byGroup, (admin, host) => statusOf(clientOf(host).patch(groupOf(admin), removeMember(admin.person.id)))],
  [
    'takes all members out',
    byGroup,
    (admin, host) => statusOf(clientOf(host).patch(groupOf(admin), patchBody({ op: 'remove', path: 'members' }))),
  ],
  [
    'states no members by PATCH',
    byGroup,
    (admin, host) => statusOf(clientOf(host).patch(groupOf(admin), patchBody({ op: 'replace', path: 'members', value: [] }))),
  ],
  [
    'states no members by PUT',
    byGroup,
    (admin, host) => statusOf(clientOf(host).put(groupOf(admin), groupBody(freshName('admin'), []))),
  ],
  ['deletes a group', byGroup, (admin, host) => statusOf(clientOf(host).delete(groupOf(admin)))],
  [
    'takes a member out in a bulk request',
    byGroup,
    (admin, host) => bulk(host, { method: 'PATCH', path: groupOf(admin), data: removeMember(admin.person.id) }),
  ],
];

/** Runs requests that have all done their work, and none of which has looked who is left, when they go on. */
const atOnce = async (...requests: ReadonlyArray<() => Promise<number>>): Promise<readonly number[]> => {
  const gate = new pg.Client(world().db.connection);
  await gate.connect();
  await gate.query('SELECT pg_advisory_lock($1, $2)', [...lockKey('admins')]);
  const sent = requests.map((request) => request());
  // Once somebody has answered, nobody else will come.
  await Promise.race([untilHeldUp(world().db, { count: requests.length }), ...sent]);
  await gate.end();
  return Promise.all(sent);
};

/** Races so far: which of the replicas gets which request changes from one to the next. */
let races = 0;

const isDone = (status: number): boolean => status === 200 || status === 204;

// Each pair once.
const PAIRED = REMOVALS.map((removal, place) => [...removal, REMOVALS.slice(place)] as const);

describe.each(PAIRED)(
  'of two replicas, of which one %s who is one of the last two admins,',
  (_name, whoFirst, removeFirst, others) => {
    test.each(others)(
      'and the other %s who is the other one, exactly one is obeyed, the other is 409',
      async (_other, whoSecond, removeSecond) => {
        const [first, second] = [await whoFirst(), await whoSecond()];
        races += 1;
        const hosts = races % 2 === 0 ? [world().host, replica] : [replica, world().host];
        const [a, b] = hosts;
        if (a === undefined || b === undefined) throw new Error('two replicas');
        const statuses = await atOnce(
          () => removeFirst(first, a),
          () => removeSecond(second, b),
        );
        expect(statuses.filter((status) => status === 409)).toHaveLength(1);
        expect(statuses.filter(isDone)).toHaveLength(1);
        const kept = statuses[0] === 409 ? first : second;
        expect(await admins()).toEqual([kept.person.hostId]);
      },
    );
  },
);

describe('of two replicas, of which one obeys a button of the settings that one of the last two admins has pressed,', () => {
  const press = (session: Session, path: string): Promise<number> => statusOf(session.delete(path));

  test.each(REMOVALS)(
    'the one that deletes the groups, while the other %s who is the other one: exactly one is obeyed',
    async (_name, who, remove) => {
      const { db, host } = world();
      const actor = await byGroup();
      const session = await loginAs(host, db, actor.person.hostId);
      const other = await who();
      const statuses = await atOnce(
        () => press(session, '/api/admin/groups/scim-groups'),
        () => remove(other, replica),
      );
      const left = await admins();
      expect(left.length).toBeGreaterThan(0);
      // Where the other one is an admin by a group as well, the button alone would take both.
      if (other.group === undefined) expect(statuses.filter(isDone)).toHaveLength(1);
      expect([200, 409]).toContain(statuses[0]);
      expect([200, 204, 404, 409]).toContain(statuses[1]);
    },
  );

  test.each(REMOVALS)(
    'the one that deletes the people, while the other %s who has pressed it: somebody is left',
    async (_name, who, remove) => {
      const { db, host } = world();
      const actor = await who();
      const session = await loginAs(host, db, actor.person.hostId);
      await direct();
      const statuses = await atOnce(
        () => press(session, '/api/admin/user-admin/scim-users'),
        () => remove(actor, replica),
      );
      expect((await admins()).length).toBeGreaterThan(0);
      for (const status of statuses) expect([200, 204, 404, 409]).toContain(status);
    },
  );
});
