import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { WHOLE } from '../../lib/protocol/projection.js';
import { AdminGuard } from '../../lib/services/admin-guard.js';
import { GroupService } from '../../lib/services/group-service.js';
import type { RequestContext } from '../../lib/services/resource-service.js';
import { Database as ScimDatabase } from '../../lib/stores/database.js';
import { GroupCalls } from '../../lib/stores/group-calls.js';
import { GroupStore } from '../../lib/stores/group-store.js';
import { LifecycleStore } from '../../lib/stores/lifecycle-store.js';
import { MembershipStore } from '../../lib/stores/membership-store.js';
import {
  addMembers,
  groupBody,
  type Provisioned,
  patchBody,
  provisionGroup,
  provisionMany,
  removeMember,
  setActive,
} from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';

const world = withWorld();

const people = (prefix: string, count: number): Promise<readonly Provisioned[]> => provisionMany(world(), prefix, count);

/** A member whom Unleash Enterprise left, under an id that is not ours to choose. */
const leftMember = async (group: Provisioned, id: string, name: string | null): Promise<void> => {
  const username = `left-${Buffer.from(id).toString('hex').slice(0, 80)}`;
  await world().db.query(
    `WITH u AS (INSERT INTO users (name, username, scim_id) VALUES ($2, $3, $4) RETURNING id)
     INSERT INTO group_user (group_id, user_id) SELECT $1, id FROM u`,
    [group.hostId, name, username, id],
  );
};

const membersOf = async (group: Provisioned, query = ''): Promise<readonly Readonly<Record<string, string>>[]> =>
  (await world().scim.get(`/Groups/${group.id}${query}`).expect(200)).body.members;

const expectedMembers = async (group: Provisioned): Promise<readonly object[]> => {
  const rows = await world().db.query<{ scim_id: string; display: string }>(
    `SELECT s.scim_id, coalesce(s.host_name, s.host_username, s.host_email) AS display FROM scim_users s
     JOIN (SELECT user_id FROM group_user WHERE group_id = $1 UNION SELECT user_id FROM scim_parked_members WHERE group_id = $1) m USING (user_id)
     ORDER BY user_id`,
    [group.hostId],
  );
  const base = world().host.scimUrl;
  return rows.map(({ scim_id, display }) => ({
    value: scim_id,
    display,
    type: 'User',
    $ref: `${base}/Users/${encodeURIComponent(scim_id)}`,
  }));
};

describe('the members of an answer', () => {
  test('are everybody in the order of the host, suspended ones too, of a group that is sparse or dense', async () => {
    const all = await people('ordered', 24);
    const groups = [
      await provisionGroup(world(), 'ordered dense', all),
      await provisionGroup(
        world(),
        'ordered sparse',
        [all[0], all[23]].flatMap((one) => one ?? []),
      ),
      await provisionGroup(world(), 'ordered none', []),
    ];
    const check = async (): Promise<void> => {
      for (const group of groups) expect(await membersOf(group)).toEqual(await expectedMembers(group));
    };
    await check();
    const before = await Promise.all(groups.map((group) => membersOf(group)));
    for (const one of [all[0], all[12]]) await world().scim.patch(`/Users/${one?.id}`, setActive(false)).expect(200);
    await check();
    expect(await Promise.all(groups.map((group) => membersOf(group)))).toEqual(before);
  });

  test('have the ids and names as they are, whatever is in them, and references that lead there', async () => {
    const group = await provisionGroup(world(), 'odd', await people('odd', 3));
    await leftMember(group, 'plain_id.~-0', 'Plain');
    expect(await membersOf(group)).toEqual(await expectedMembers(group));
    for (const [id, name] of [
      [`a b/c?d#e%f"g\\h'i!j(k)l*m`, 'Quote " Backslash \\ Slash / Tab \t Line \n Bell \u0007 é \u2028 😀'],
      ['ümläut/😀', '</script>'],
      ['"}]', null],
      ['..', ''],
    ] as const) {
      await leftMember(group, id, name);
      expect(await membersOf(group)).toEqual(await expectedMembers(group));
    }
    for (const { value, $ref } of await membersOf(group)) {
      if (value === '..') continue;
      const path = $ref?.slice(world().host.scimUrl.length) ?? '';
      expect((await world().scim.get(path).expect(200)).body.id).toBe(value);
    }
  });

  test('are cut down to what was asked for', async () => {
    const group = await provisionGroup(world(), 'projected', await people('projected', 2));
    const whole = await membersOf(group);
    expect(await membersOf(group, '?attributes=members.value')).toEqual(whole.map(({ value }) => ({ value })));
    expect(await membersOf(group, '?excludedAttributes=members.$ref')).toEqual(
      whole.map(({ value, display, type }) => ({ value, display, type })),
    );
    expect(await membersOf(group, '?excludedAttributes=members')).toBeUndefined();
    const list = await world()
      .scim.get(`/Groups?filter=${encodeURIComponent('displayName eq "projected"')}`)
      .expect(200);
    expect(list.body.Resources[0].members).toEqual(whole);
    const put = await world().scim.put(`/Groups/${group.id}`, groupBody('projected')).expect(200);
    expect(put.body).toEqual((await world().scim.get(`/Groups/${group.id}`).expect(200)).body);
  });

  test('of a new group are those that were stated, suspended ones too', async () => {
    const all = await people('stated', 3);
    await world().scim.patch(`/Users/${all[1]?.id}`, setActive(false)).expect(200);
    const { body } = await world()
      .scim.post(
        '/Groups',
        groupBody(
          'stated',
          all.map(({ id }) => id),
        ),
      )
      .expect(201);
    expect(body).toEqual((await world().scim.get(`/Groups/${body.id}`).expect(200)).body);
    expect(body.members.map(({ value }: { readonly value: string }) => value).sort()).toEqual(all.map(({ id }) => id).sort());
  });
});

describe('the database is asked once', () => {
  const asked: string[] = [];
  const open: { pool?: pg.Pool; service?: GroupService; context?: RequestContext } = {};

  beforeAll(async () => {
    const pool = new pg.Pool({ ...world().db.connection, max: 1 });
    const database = new ScimDatabase(
      {
        client: {
          acquireConnection: async () => {
            const client = await pool.connect();
            return {
              query: (query: pg.QueryConfig) => {
                asked.push(query.text);
                return client.query(query);
              },
              release: () => client.release(),
            };
          },
          releaseConnection: (connection: unknown) => (connection as pg.PoolClient).release(),
        },
      },
      { prepared: true },
    );
    const stores = { groups: new GroupStore(database), calls: new GroupCalls(database), memberships: new MembershipStore() };
    const guard = new AdminGuard(new LifecycleStore(), { enabled: true });
    open.pool = pool;
    open.service = new GroupService(database, stores, guard, { recoveryAdmins: ['admin'], baseUrl: world().host.scimUrl });
    const [token] = await world().db.query<{ number: number }>('SELECT number FROM scim_token');
    open.context = {
      audit: { createdBy: 'test', createdByUserId: -1337, ip: null },
      access: { tokenNumber: token?.number ?? 0, writes: true },
      ifMatch: undefined,
      quirks: new Set(),
    };
  });
  afterAll(() => open.pool?.end());

  const roundTrips = async (work: (service: GroupService, context: RequestContext) => Promise<unknown>): Promise<number> => {
    if (open.service === undefined || open.context === undefined) throw new Error('made before the tests');
    asked.length = 0;
    await work(open.service, open.context);
    return asked.length;
  };

  test('by whatever needs no decision', async () => {
    const [a, b] = await people('once', 2);
    if (a === undefined || b === undefined) throw new Error('two people');
    const { id } = await provisionGroup(world(), 'once', [a]);
    const version = (await world().scim.get(`/Groups/${id}`).expect(200)).body.meta.version;
    const works: Readonly<Record<string, (service: GroupService, context: RequestContext) => Promise<unknown>>> = {
      create: (service, context) => service.create(groupBody('once created'), context),
      'create with members': (service, context) => service.create(groupBody('once created too', [a.id, b.id]), context),
      read: (service, { access }) => service.read(id, WHOLE, access),
      'modify that changes nothing, of one version': (service, context) =>
        service.modify(id, addMembers(a.id), { ...context, ifMatch: version }),
      'modify that adds': (service, context) => service.modify(id, addMembers(b.id), context),
      'modify that removes': (service, context) => service.modify(id, removeMember(b.id), context),
      'modify that replaces': (service, context) =>
        service.modify(id, patchBody({ op: 'replace', path: 'members', value: [{ value: b.id }] }), context),
      'modify of a name that is that already': (service, context) =>
        service.modify(id, patchBody({ op: 'replace', path: 'displayName', value: 'once' }), context),
      'replace that changes nothing': (service, context) => service.replace(id, groupBody('once', [b.id]), context),
      'replace that changes members': (service, context) => service.replace(id, groupBody('once', [a.id, b.id]), context),
      delete: (service, context) => service.delete(id, context),
    };
    for (const [name, work] of Object.entries(works)) expect([name, await roundTrips(work)]).toEqual([name, 1]);
  });
});
