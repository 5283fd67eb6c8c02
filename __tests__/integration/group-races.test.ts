import { describe, expect, test } from '@jest/globals';
import { untilHeldUp } from '../support/held-table.js';
import { withHostClients, withOpenTransactions } from '../support/host-clients.js';
import {
  addMembers,
  endOfLog,
  eventsSince,
  groupBody,
  hostMembers,
  type Provisioned,
  patchBody,
  provision,
  provisionGroup,
  provisionMany,
  removeMember,
  shownMembers,
  typesSince,
} from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';

const world = withWorld();
const ROUNDS = 12;
const hostClient = withHostClients(() => world().db);
const hold = withOpenTransactions(() => world().db);

const people = (prefix: string, count: number): Promise<readonly Provisioned[]> => provisionMany(world(), prefix, count);

const statusOf = (sent: PromiseLike<{ readonly status: number }>): Promise<number> =>
  Promise.resolve(sent).then(({ status }) => status);
const change = ({ id }: Provisioned, body: object): Promise<number> => statusOf(world().scim.patch(`/Groups/${id}`, body));
const replaceBy = (...ids: readonly string[]) =>
  patchBody({ op: 'replace', path: 'members', value: ids.map((value) => ({ value })) });
const versionOf = async ({ id }: Provisioned): Promise<string> =>
  (await world().scim.get(`/Groups/${id}`).expect(200)).body.meta.version;
const ids = (members: readonly Provisioned[]): readonly string[] => members.map(({ id }) => id);
const hostIds = (members: readonly Provisioned[]): readonly number[] => members.map(({ hostId }) => hostId).sort((a, b) => a - b);

describe('requests at the same time', () => {
  test('that add the same person add them once, with one event and one version', async () => {
    const { db } = world();
    const all = await people('same', 1);
    for (let round = 0; round < ROUNDS; round += 1) {
      const group = await provisionGroup(world(), `same ${round}`, []);
      const mark = await endOfLog(db);
      const statuses = await Promise.all([1, 2, 3].map(() => change(group, addMembers(...ids(all)))));
      expect([round, statuses]).toEqual([round, [204, 204, 204]]);
      expect(await typesSince(db, mark)).toEqual(['group-user-added']);
      expect([await hostMembers(db, group.hostId), await versionOf(group)]).toEqual([hostIds(all), 'W/"2"']);
    }
  });

  test('that add and remove overlapping crowds leave everybody where one of the orders does, with an event for each change', async () => {
    const { db } = world();
    const all = await people('crowd', 24);
    const [early, late] = [all.slice(0, 16), all.slice(8).reverse()];
    for (let round = 0; round < ROUNDS; round += 1) {
      const group = await provisionGroup(world(), `crowd ${round}`, []);
      const mark = await endOfLog(db);
      const removal = patchBody({ op: 'remove', path: 'members', value: all.slice(0, 4).map(({ id }) => ({ value: id })) });
      const sent = [addMembers(...ids(early)), addMembers(...ids(late)), removal];
      expect([round, await Promise.all(sent.map((body) => change(group, body)))]).toEqual([round, [204, 204, 204]]);
      const now = await hostMembers(db, group.hostId);
      expect([hostIds(all), hostIds(all.slice(4))]).toContainEqual(now);
      const balance = new Map<unknown, number>();
      for (const { type, data, pre_data } of await eventsSince(db, mark)) {
        const id = data?.userId ?? pre_data?.userId;
        balance.set(id, (balance.get(id) ?? 0) + (type === 'group-user-added' ? 1 : -1));
      }
      expect(hostIds(all).filter((id) => balance.get(id) === 1)).toEqual(now);
    }
  });

  test('that replace the members leave what one of them states, whoever is added meanwhile', async () => {
    const { db } = world();
    const all = await people('replaced', 6);
    const [a, b, c] = [all.slice(0, 3), all.slice(2, 5), all.slice(5)];
    for (let round = 0; round < ROUNDS; round += 1) {
      const group = await provisionGroup(world(), `replaced ${round}`, all.slice(4));
      const sent = [replaceBy(...ids(a)), replaceBy(...ids(b)), addMembers(...ids(c))];
      expect([round, await Promise.all(sent.map((body) => change(group, body)))]).toEqual([round, [204, 204, 204]]);
      const outcomes = [a, b, [...a, ...c], [...b, ...c]].map(hostIds);
      expect(outcomes).toContainEqual(await hostMembers(db, group.hostId));
    }
  });

  test('of which one deletes the group: the others are done or told that it is gone, and nothing is left', async () => {
    const { db, scim } = world();
    const all = await people('deleted', 2);
    for (let round = 0; round < ROUNDS; round += 1) {
      const group = await provisionGroup(world(), `deleted ${round}`, all.slice(1));
      const statuses = await Promise.all([
        change(group, addMembers(...ids(all))),
        statusOf(scim.delete(`/Groups/${group.id}`)),
        change(group, replaceBy(...ids(all.slice(0, 1)))),
        statusOf(scim.put(`/Groups/${group.id}`, groupBody(`deleted ${round}`, ids(all)))),
      ]);
      expect(statuses[1]).toBe(204);
      for (const status of statuses) expect([200, 204, 404]).toContain(status);
      expect(await hostMembers(db, group.hostId)).toEqual([]);
      await scim.get(`/Groups/${group.id}`).expect(404);
    }
  });

  test('that state what is so already, while one deletes the group, are done or told that it is gone', async () => {
    const all = await people('stated', 1);
    const { scim } = world();
    for (let round = 0; round < 2 * ROUNDS; round += 1) {
      const group = await provisionGroup(world(), `stated ${round}`, all);
      const state = () => statusOf(scim.put(`/Groups/${group.id}`, groupBody(`stated ${round}`, ids(all))));
      const [, ...statuses] = await Promise.all([statusOf(scim.delete(`/Groups/${group.id}`)), state(), state(), state()]);
      for (const status of statuses) expect([200, 404]).toContain(status);
    }
  });

  test('that create groups of one name create one', async () => {
    const { db, scim } = world();
    for (let round = 0; round < ROUNDS; round += 1) {
      const names = [`One Name ${round}`, `one name ${round}`, `ONE NAME ${round}`];
      const statuses = await Promise.all(names.map((name) => statusOf(scim.post('/Groups', groupBody(name)))));
      expect([...statuses].sort()).toEqual([201, 409, 409]);
      expect(await db.query('SELECT 1 FROM groups WHERE lower(name) = $1', [`one name ${round}`])).toHaveLength(1);
    }
  });

  test('with If-Match of one version: one is done, the others are too late', async () => {
    const { scim } = world();
    const all = await people('if-match', 3);
    const group = await provisionGroup(world(), 'if-match', []);
    const version = await versionOf(group);
    const sent = all.map(({ id }) => scim.patch(`/Groups/${group.id}`, addMembers(id)).set('If-Match', version));
    expect((await Promise.all(sent.map(statusOf))).sort()).toEqual([204, 412, 412]);
    expect(await shownMembers(scim, group.id)).toHaveLength(1);
  });
});

describe('a transaction of the host that is open', () => {
  test.each([
    ['enters the same person and commits: nothing is left to do', 'COMMIT', []],
    ['enters the same person and gives up: they enter', 'ROLLBACK', ['group-user-added']],
  ])('%s', async (_name, end, told) => {
    const { db } = world();
    const [one] = await people(`host-enters-${end}`, 1);
    if (one === undefined) throw new Error('one person');
    const group = await provisionGroup(world(), `host enters ${end}`, []);
    const client = await hostClient();
    await client.query('BEGIN');
    await client.query('INSERT INTO group_user (group_id, user_id) VALUES ($1, $2)', [group.hostId, one.hostId]);
    const mark = await endOfLog(db);
    const sent = change(group, addMembers(one.id));
    await untilHeldUp(world().db);
    await client.query(end);
    expect(await sent).toBe(204);
    expect(await hostMembers(db, group.hostId)).toEqual([one.hostId]);
    expect(await typesSince(db, mark)).toEqual(told);
  });

  test.each([
    ['takes the same person out and commits: nothing is left to do', 'COMMIT', []],
    ['takes the same person out and gives up: they leave', 'ROLLBACK', ['group-user-removed']],
  ])('%s', async (_name, end, told) => {
    const { db } = world();
    const [one] = await people(`host-removes-${end}`, 1);
    if (one === undefined) throw new Error('one person');
    const group = await provisionGroup(world(), `host removes ${end}`, [one]);
    const client = await hostClient();
    await client.query('BEGIN');
    await client.query('DELETE FROM group_user WHERE user_id = $1', [one.hostId]);
    const mark = await endOfLog(db);
    const sent = change(group, removeMember(one.id));
    await untilHeldUp(world().db);
    await client.query(end);
    expect(await sent).toBe(204);
    expect(await hostMembers(db, group.hostId)).toEqual([]);
    expect(await typesSince(db, mark)).toEqual(told);
  });

  test('renames the group: a change of its members waits, and both are there', async () => {
    const { db, scim } = world();
    const [one] = await people('host-renames', 1);
    if (one === undefined) throw new Error('one person');
    const group = await provisionGroup(world(), 'host renames', []);
    const client = await hostClient();
    await client.query('BEGIN');
    await client.query(`UPDATE groups SET name = 'renamed by the host' WHERE id = $1`, [group.hostId]);
    const sent = change(group, replaceBy(one.id));
    await untilHeldUp(world().db);
    await client.query('COMMIT');
    expect(await sent).toBe(204);
    expect(await hostMembers(db, group.hostId)).toEqual([one.hostId]);
    expect((await scim.get(`/Groups/${group.id}`).expect(200)).body).toMatchObject({
      displayName: 'renamed by the host',
      meta: { version: 'W/"3"' },
    });
  });
});

describe('a change that names a version, and is held up between its look at the version and that at the members', () => {
  test.each([
    ['PATCH', (group: Provisioned, person: string) => world().scim.patch(`/Groups/${group.id}`, addMembers(person))],
    ['PUT', (group: Provisioned, person: string) => world().scim.put(`/Groups/${group.id}`, groupBody(`over by PUT`, [person]))],
  ])('is 412 where somebody else makes it so meanwhile: %s', async (method, send) => {
    const { db } = world();
    const person = await provision(world(), `over-${method}@example.com`);
    const group = await provisionGroup(world(), `over by ${method}`, []);
    const version = await versionOf(group);
    const holder = await hold('LOCK TABLE scim_users IN ACCESS EXCLUSIVE MODE');
    const sent = statusOf(send(group, person.id).set('If-Match', version));
    await untilHeldUp(db);
    await holder.query('INSERT INTO group_user (group_id, user_id) VALUES ($1, $2)', [group.hostId, person.hostId]);
    await holder.query('COMMIT');
    expect(await sent).toBe(412);
    expect(await hostMembers(db, group.hostId)).toEqual([person.hostId]);
  });
});
