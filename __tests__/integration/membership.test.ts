import { describe, expect, test } from '@jest/globals';
import { scim as clientOf } from '../support/clients.js';
import type { Host } from '../support/host-process.js';
import {
  addMembers,
  endOfLog,
  eventsSince,
  FIRST_TOKEN,
  GROUP_SCHEMA,
  groupBody,
  hostMembers,
  hostUser,
  type Provisioned,
  patchBody,
  provision,
  provisionGroup,
  provisionMany,
  removeMember,
  SYSTEM_USER_ID,
  setActive,
  shownMembers,
  typesSince,
} from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';

const world = withWorld();
const ROUNDS = 30;

const people = (prefix: string, count: number): Promise<readonly Provisioned[]> => provisionMany(world(), prefix, count);

const sorted = (numbers: readonly number[]): readonly number[] => [...numbers].sort((a, b) => a - b);
const hostIds = (members: readonly Provisioned[]): readonly number[] => sorted(members.map(({ hostId }) => hostId));

const versionOf = async (groupId: string): Promise<string> =>
  (await world().scim.get(`/Groups/${groupId}`).expect(200)).body.meta.version;

/** `added 7`, `removed 9` … since then; nothing else may have happened. */
const changesSince = async (mark: number): Promise<readonly string[]> =>
  (await eventsSince(world().db, mark))
    .map(({ type, data, pre_data }) => `${type.replace('group-user-', '')} ${data?.userId ?? pre_data?.userId}`)
    .sort();

describe('a change to members', () => {
  test('writes group_user rows, and one event for each real change that names group and user, never a member list', async () => {
    const { db, scim } = world();
    const [a, b, c] = await people('real', 3);
    if (a === undefined || b === undefined || c === undefined) throw new Error('three people');
    const group = await provisionGroup(world(), 'real changes', [a]);
    const mark = await endOfLog(db);
    await scim.patch(`/Groups/${group.id}`, addMembers(a.id, b.id)).expect(204);
    await scim.patch(`/Groups/${group.id}`, removeMember(a.id)).expect(204);
    const common = { created_by: FIRST_TOKEN, created_by_user_id: SYSTEM_USER_ID };
    expect(await eventsSince(db, mark)).toEqual([
      expect.objectContaining({
        ...common,
        type: 'group-user-added',
        data: { groupId: group.hostId, userId: b.hostId },
        pre_data: null,
      }),
      expect.objectContaining({
        ...common,
        type: 'group-user-removed',
        data: null,
        pre_data: { groupId: group.hostId, userId: a.hostId },
      }),
    ]);
    expect(await db.query('SELECT user_id, created_by FROM group_user WHERE group_id = $1', [group.hostId])).toEqual([
      { user_id: b.hostId, created_by: FIRST_TOKEN },
    ]);
    expect((await scim.get(`/Users/${b.id}`).expect(200)).body.groups).toEqual([
      expect.objectContaining({ value: group.id, display: 'real changes' }),
    ]);
  });

  test('that is none writes nothing: no event, no version', async () => {
    const { db, scim } = world();
    const [a, b] = await people('noop', 2);
    if (a === undefined || b === undefined) throw new Error('two people');
    const group = await provisionGroup(world(), 'no changes', [a]);
    const { body: before } = await scim.get(`/Groups/${group.id}`).expect(200);
    const mark = await endOfLog(db);
    for (const body of [
      addMembers(a.id),
      removeMember(b.id),
      patchBody({ op: 'replace', path: 'members', value: [{ value: a.id }] }),
      patchBody({ op: 'add', path: 'members', value: [{ value: b.id }] }, { op: 'remove', path: `members[value eq "${b.id}"]` }),
    ]) {
      await scim.patch(`/Groups/${group.id}`, body).expect(204);
    }
    await scim.put(`/Groups/${group.id}`, groupBody('no changes', [a.id])).expect(200);
    await scim.put(`/Groups/${group.id}`, groupBody('no changes')).expect(200);
    expect((await scim.get(`/Groups/${group.id}`).expect(200)).body).toEqual(before);
    expect(await typesSince(db, mark)).toEqual([]);
  });

  test('by add, remove, replace and remove of all comes out as the identity provider states it', async () => {
    const { db, scim } = world();
    const all = await people('forms', 4);
    const [a, b, c, d] = all;
    if (a === undefined || b === undefined || c === undefined || d === undefined) throw new Error('four people');
    const group = await provisionGroup(world(), 'all forms', []);
    const steps: ReadonlyArray<readonly [object, readonly Provisioned[]]> = [
      [addMembers(a.id, b.id), [a, b]],
      [patchBody({ op: 'add', value: { members: [{ value: c.id }] } }), [a, b, c]],
      [patchBody({ op: 'remove', path: 'members', value: [{ value: a.id }] }), [b, c]],
      [removeMember(b.id), [c]],
      [patchBody({ op: 'replace', path: 'members', value: [{ value: a.id }, { value: d.id }] }), [a, d]],
      [patchBody({ op: 'replace', value: { members: [{ value: b.id }] } }), [b]],
      [patchBody({ op: 'remove', path: 'members' }), []],
    ];
    for (const [body, expected] of steps) {
      const before = await hostMembers(db, group.hostId);
      const mark = await endOfLog(db);
      await scim.patch(`/Groups/${group.id}`, body).expect(204);
      expect(await hostMembers(db, group.hostId)).toEqual(hostIds(expected));
      expect(await shownMembers(scim, group.id)).toEqual(
        all
          .filter((one) => expected.includes(one))
          .sort((x, y) => x.hostId - y.hostId)
          .map(({ id }) => id),
      );
      const now = expected.map(({ hostId }) => hostId);
      expect(await changesSince(mark)).toEqual(
        [
          ...now.filter((id) => !before.includes(id)).map((id) => `added ${id}`),
          ...before.filter((id) => !now.includes(id)).map((id) => `removed ${id}`),
        ].sort(),
      );
    }
  });

  test('by a PUT without the key members leaves them; with an empty list it takes all', async () => {
    const { db, scim } = world();
    const members = await people('put', 2);
    const group = await provisionGroup(world(), 'put group', members);
    await scim.put(`/Groups/${group.id}`, { schemas: [GROUP_SCHEMA], displayName: 'put group 2' }).expect(200);
    expect(await hostMembers(db, group.hostId)).toEqual(hostIds(members));
    await scim.put(`/Groups/${group.id}`, groupBody('put group 2', [])).expect(200);
    expect(await hostMembers(db, group.hostId)).toEqual([]);
  });

  test('that names somebody unknown is a 400 that names them, and changes nothing', async () => {
    const { db, scim } = world();
    const [a, gone] = await people('unknown', 2);
    if (a === undefined || gone === undefined) throw new Error('two people');
    await scim.delete(`/Users/${gone.id}`).expect(204);
    const group = await provisionGroup(world(), 'unknown members', []);
    const before = await versionOf(group.id);
    const mark = await endOfLog(db);
    const requests = [
      scim.patch(`/Groups/${group.id}`, addMembers(a.id, 'nobody-has-this-id')),
      scim.patch(
        `/Groups/${group.id}`,
        patchBody(
          { op: 'replace', path: 'displayName', value: 'renamed' },
          { op: 'add', path: 'members', value: [{ value: gone.id }] },
        ),
      ),
      scim.put(`/Groups/${group.id}`, groupBody('renamed too', [a.id, gone.id])),
      scim.post('/Groups', groupBody('never made', [gone.id])),
    ];
    for (const [index, sent] of requests.entries()) {
      const { body } = await sent.expect(400);
      expect(body).toMatchObject({ scimType: 'invalidValue', status: '400' });
      expect(body.detail).toContain(index === 0 ? 'nobody-has-this-id' : gone.id);
    }
    expect(await hostMembers(db, group.hostId)).toEqual([]);
    expect(await versionOf(group.id)).toBe(before);
    expect(await typesSince(db, mark)).toEqual([]);
    expect(await db.query(`SELECT id FROM groups WHERE name LIKE 'renamed%' OR name = 'never made'`)).toEqual([]);
  });

  test('of 1,000 people in one PATCH is taken, and taken back', async () => {
    const { db, scim } = world();
    await db.query(`INSERT INTO users (username, scim_id) SELECT 'crowd-' || n, 'crowd-' || n FROM generate_series(1, 1000) n`);
    const crowd = Array.from({ length: 1000 }, (_none, index) => `crowd-${index + 1}`);
    const group = await provisionGroup(world(), 'crowd', []);
    const mark = await endOfLog(db);
    await scim.patch(`/Groups/${group.id}`, addMembers(...crowd)).expect(204);
    expect(await hostMembers(db, group.hostId)).toHaveLength(1000);
    expect(await shownMembers(scim, group.id)).toHaveLength(1000);
    await scim
      .patch(
        `/Groups/${group.id}`,
        patchBody(...crowd.map((id) => ({ op: 'remove', path: `members[value eq "${id}"]` }) as const)),
      )
      .expect(204);
    expect(await hostMembers(db, group.hostId)).toEqual([]);
    expect(await typesSince(db, mark)).toHaveLength(2000);
  });
});

describe('a suspension or resumption at the same time as', () => {
  /** Nobody soft-deleted is a member in the host, and nobody live is parked. */
  const expectConsistent = async (round: number, person: Provisioned, group: Provisioned, isMember: boolean): Promise<void> => {
    const { db, scim } = world();
    const { deleted } = await hostUser(db, person.hostId);
    const parked = await db.query('SELECT 1 FROM scim_parked_members WHERE user_id = $1 AND group_id = $2', [
      person.hostId,
      group.hostId,
    ]);
    expect({ round, host: await hostMembers(db, group.hostId), parked: parked.length }).toEqual({
      round,
      host: isMember && !deleted ? [person.hostId] : [],
      parked: isMember && deleted ? 1 : 0,
    });
    expect(await shownMembers(scim, group.id)).toEqual(isMember ? [person.id] : []);
  };

  const race = async (
    name: string,
    first: { member: boolean; active: boolean },
    change: (host: Host, group: Provisioned, person: Provisioned) => PromiseLike<{ status: number }>,
    isMember: boolean,
  ): Promise<void> => {
    const { host, scim } = world();
    for (let round = 0; round < ROUNDS; round += 1) {
      const person = await provision(world(), `${name}-${round}@example.com`);
      const group = await provisionGroup(world(), `${name} ${round}`, first.member ? [person] : []);
      if (!first.active) await scim.patch(`/Users/${person.id}`, setActive(false)).expect(200);
      const suspension = (): PromiseLike<{ status: number }> =>
        scim.patch(`/Users/${person.id}`, setActive(!first.active)).then(({ status }) => ({ status }));
      const change2 = (): PromiseLike<{ status: number }> => change(host, group, person);
      const answers = await Promise.all(round % 2 === 0 ? [suspension(), change2()] : [change2(), suspension()]);
      expect([round, ...answers.map(({ status }) => (status < 300 ? 'done' : status))]).toEqual([round, 'done', 'done']);
      await expectConsistent(round, person, group, isMember);
    }
  };

  const add = (host: Host, group: Provisioned, person: Provisioned) =>
    clientOf(host).patch(`/Groups/${group.id}`, addMembers(person.id));
  const remove = (host: Host, group: Provisioned, person: Provisioned) =>
    clientOf(host).patch(`/Groups/${group.id}`, removeMember(person.id));
  const replaceAll = (host: Host, group: Provisioned) =>
    clientOf(host).patch(`/Groups/${group.id}`, patchBody({ op: 'remove', path: 'members' }));

  test.each([
    ['their entry into a group leaves no soft-deleted member', 'suspend-add', { member: false, active: true }, add, true],
    ['their removal from a group does not undo it', 'suspend-remove', { member: true, active: true }, remove, false],
    ['the removal of everybody does not undo it', 'suspend-clear', { member: true, active: true }, replaceAll, false],
    ['a repeated entry keeps the membership', 'suspend-again', { member: true, active: true }, add, true],
    [
      'their entry into a group loses no membership to the parked rows',
      'resume-add',
      { member: false, active: false },
      add,
      true,
    ],
    ['their removal from a group holds for whoever comes back', 'resume-remove', { member: true, active: false }, remove, false],
  ] as const)('%s', (_name, name, first, change, isMember) => race(name, first, change, isMember));
});
