import { describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { createDatabase } from '../support/database.js';
import { withHostClients } from '../support/host-clients.js';
import { startHost } from '../support/host-process.js';
import {
  addMembers,
  groupBody,
  hostMembers,
  type Provisioned,
  patchBody,
  provisionGroup,
  provisionMany,
  removeMember,
  setActive,
} from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';

const world = withWorld();
const hostClient = withHostClients(() => world().db);

const people = (prefix: string, count: number): Promise<readonly Provisioned[]> => provisionMany(world(), prefix, count);

interface Meta {
  readonly version: string;
  readonly lastModified: string;
}
const metaOf = async ({ id }: Provisioned): Promise<Meta> => (await world().scim.get(`/Groups/${id}`).expect(200)).body.meta;
const versionOf = async (group: Provisioned): Promise<number> =>
  Number(/^W\/"(\d+)"$/.exec((await metaOf(group)).version)?.[1] ?? Number.NaN);

/** How far the version of each group has moved by `work`. */
const moves = async (groups: readonly Provisioned[], work: () => Promise<unknown>): Promise<readonly number[]> => {
  const before = await Promise.all(groups.map(versionOf));
  await work();
  const after = await Promise.all(groups.map(versionOf));
  return after.map((version, index) => version - (before[index] ?? 0));
};

const rows = (text: string, ...values: readonly unknown[]) => world().db.query(text, values);

describe('the version of a group', () => {
  test('moves by one with each change of the members, along with the date, and not with what changes nothing', async () => {
    const { scim } = world();
    const [a, b] = await people('counted', 2);
    if (a === undefined || b === undefined) throw new Error('two people');
    const group = await provisionGroup(world(), 'counted', [a]);
    const before = await metaOf(group);
    const steps: readonly (readonly [object, number])[] = [
      [addMembers(a.id), 0],
      [addMembers(a.id, b.id), 1],
      [removeMember(b.id), 1],
      [removeMember(b.id), 0],
      [patchBody({ op: 'replace', path: 'members', value: [{ value: b.id }] }), 1],
      [patchBody({ op: 'replace', path: 'members', value: [{ value: b.id }] }), 0],
      [patchBody({ op: 'replace', path: 'displayName', value: 'counted' }), 0],
      [patchBody({ op: 'replace', value: { displayName: 'counted', members: [{ value: a.id }] } }), 1],
      [patchBody({ op: 'replace', path: 'displayName', value: 'counted anew' }), 1],
    ];
    for (const [body, expected] of steps) {
      expect([body, await moves([group], () => scim.patch(`/Groups/${group.id}`, body).expect(204).then())]).toEqual([
        body,
        [expected],
      ]);
    }
    expect(Date.parse((await metaOf(group)).lastModified)).toBeGreaterThan(Date.parse(before.lastModified));
    for (const body of [groupBody('counted anew'), groupBody('counted anew', [a.id])]) {
      expect(await moves([group], () => scim.put(`/Groups/${group.id}`, body).expect(200).then())).toEqual([0]);
    }
    expect(await moves([group], () => scim.put(`/Groups/${group.id}`, groupBody('counted anew', [])).expect(200).then())).toEqual(
      [1],
    );
  });

  test('stays where a member is suspended or resumed, for SCIM shows the same members', async () => {
    const { scim } = world();
    const [a] = await people('suspended', 1);
    if (a === undefined) throw new Error('one person');
    const group = await provisionGroup(world(), 'suspended', [a]);
    const { body: before } = await scim.get(`/Groups/${group.id}`).expect(200);
    for (const active of [false, true, false]) {
      await scim.patch(`/Users/${a.id}`, setActive(active)).expect(200);
      expect((await scim.get(`/Groups/${group.id}`).expect(200)).body).toEqual(before);
    }
  });

  test.each([['live'], ['suspended']])('moves in each of their groups when a member who is %s is deleted', async (state) => {
    const { scim } = world();
    const [a, b] = await people(`deleted-${state}`, 2);
    if (a === undefined || b === undefined) throw new Error('two people');
    const groups = [
      await provisionGroup(world(), `deleted ${state} 1`, [a, b]),
      await provisionGroup(world(), `deleted ${state} 2`, [a]),
      await provisionGroup(world(), `deleted ${state} 3`, [b]),
    ];
    if (state === 'suspended') await scim.patch(`/Users/${a.id}`, setActive(false)).expect(200);
    expect(await moves(groups, () => scim.delete(`/Users/${a.id}`).expect(204).then())).toEqual([1, 1, 0]);
  });
});

describe('what the host does to a group', () => {
  test('moves its version: the name, the external id, and members who come, go or change their group', async () => {
    const [a, b] = await people('by-host', 2);
    if (a === undefined || b === undefined) throw new Error('two people');
    const groups = [await provisionGroup(world(), 'by host 1', [a]), await provisionGroup(world(), 'by host 2', [])];
    const [first, second] = groups;
    if (first === undefined || second === undefined) throw new Error('two groups');
    const steps: readonly (readonly [text: string, values: readonly unknown[], expected: readonly number[]])[] = [
      [`UPDATE groups SET name = 'by host 1 anew' WHERE id = $1`, [first.hostId], [1, 0]],
      [`UPDATE groups SET scim_external_id = 'by-host' WHERE id = $1`, [first.hostId], [1, 0]],
      [`UPDATE groups SET description = 'x', root_role_id = 2, name = name WHERE id = $1`, [first.hostId], [0, 0]],
      [
        'INSERT INTO group_user (group_id, user_id) SELECT id, $2 FROM groups WHERE id = ANY($1)',
        [[first.hostId, second.hostId], b.hostId],
        [1, 1],
      ],
      [
        'UPDATE group_user SET group_id = $2 WHERE group_id = $1 AND user_id = $3',
        [first.hostId, second.hostId, a.hostId],
        [1, 1],
      ],
      ['DELETE FROM group_user WHERE user_id = ANY($1)', [[a.hostId, b.hostId]], [1, 1]],
      ['DELETE FROM group_user WHERE user_id = ANY($1)', [[a.hostId, b.hostId]], [0, 0]],
    ];
    for (const [text, values, expected] of steps) {
      expect([text, await moves(groups, () => rows(text, ...values))]).toEqual([text, expected]);
    }
  });

  test('moves its version where a user is deleted for good, whether the membership was parked or not', async () => {
    const [a, b, c] = await people('for-good', 3);
    if (a === undefined || b === undefined || c === undefined) throw new Error('three people');
    const group = await provisionGroup(world(), 'for good', [a, b, c]);
    await world().scim.patch(`/Users/${b.id}`, setActive(false)).expect(200);
    for (const person of [a, b]) {
      expect(await moves([group], () => rows('DELETE FROM users WHERE id = $1', person.hostId))).toEqual([1]);
    }
    expect(await hostMembers(world().db, group.hostId)).toEqual([c.hostId]);
    await rows('DELETE FROM groups WHERE id = $1', group.hostId);
    await world().scim.get(`/Groups/${group.id}`).expect(404);
  });

  test('to one that SCIM does not manage leaves no row; one that gets a SCIM id gets a row', async () => {
    const [row] = await rows(`INSERT INTO groups (name) VALUES ('not managed') RETURNING id`);
    await rows(`UPDATE groups SET name = 'still not managed' WHERE id = $1`, row?.id);
    expect(await rows('SELECT 1 FROM scim_groups WHERE group_id = $1', row?.id)).toEqual([]);
    await rows(`UPDATE groups SET scim_id = 'now-managed' WHERE id = $1`, row?.id);
    await rows(`INSERT INTO groups (name, scim_id) VALUES ('made managed', 'made-managed')`);
    expect(
      await rows(
        `SELECT g.scim_id FROM scim_groups JOIN groups g ON g.id = group_id WHERE g.scim_id LIKE '%-managed' ORDER BY 1`,
      ),
    ).toEqual([{ scim_id: 'made-managed' }, { scim_id: 'now-managed' }]);
  });

  test('is another version also of a group that has no row of ours, whoever changes it', async () => {
    const { scim } = world();
    const [a] = await people('rowless', 1);
    if (a === undefined) throw new Error('one person');
    const group = await provisionGroup(world(), 'rowless', []);
    const changes: readonly (() => Promise<unknown>)[] = [
      () => rows(`UPDATE groups SET name = 'rowless by host' WHERE id = $1`, group.hostId),
      () => scim.patch(`/Groups/${group.id}`, addMembers(a.id)).expect(204).then(),
      () =>
        scim
          .patch(`/Groups/${group.id}`, patchBody({ op: 'replace', path: 'displayName', value: 'rowless anew' }))
          .expect(204)
          .then(),
      () => rows('DELETE FROM group_user WHERE group_id = $1', group.hostId),
    ];
    for (const change of changes) {
      await rows('DELETE FROM scim_groups WHERE group_id = $1', group.hostId);
      expect(await versionOf(group)).toBe(1);
      expect(await moves([group], change)).toEqual([1]);
    }
  });
});

describe('the host is not held up', () => {
  test('where our functions fail: its statements are carried out', async () => {
    const group = await provisionGroup(world(), 'fails', []);
    const [a] = await people('fails', 1);
    const client = await hostClient();
    await client.query(`BEGIN; ALTER TABLE scim_groups RENAME TO somewhere_else`);
    await client.query(`UPDATE groups SET name = 'fails anew' WHERE id = $1`, [group.hostId]);
    await client.query(`INSERT INTO groups (name, scim_id) VALUES ('fails too', 'fails-too')`);
    await client.query('INSERT INTO group_user (group_id, user_id) VALUES ($1, $2)', [group.hostId, a?.hostId]);
    await client.query('UPDATE group_user SET created_by = $2 WHERE group_id = $1', [group.hostId, 'host']);
    await client.query('ALTER TABLE somewhere_else RENAME TO scim_groups');
    await client.query('COMMIT');
    expect(await hostMembers(world().db, group.hostId)).toEqual([a?.hostId]);
    expect((await world().scim.get(`/Groups/${group.id}`).expect(200)).body).toMatchObject({
      displayName: 'fails anew',
      members: [{ value: a?.id }],
    });
    await world().scim.get('/Groups/fails-too').expect(200);
  });

  test('a later version of it may change, rename or drop the columns that we look at', async () => {
    const copy = await createDatabase();
    const host = await startHost({ database: copy });
    try {
      await copy.query(`INSERT INTO groups (name, scim_id) VALUES ('before', 'before')`);
      await copy.query(`INSERT INTO group_user (group_id, user_id) SELECT id, 1 FROM groups`);
      await copy.query('ALTER TABLE groups ALTER COLUMN name TYPE varchar(200), ALTER COLUMN scim_id TYPE varchar(255)');
      await copy.query('ALTER TABLE groups ALTER COLUMN id TYPE bigint');
      await copy.query('ALTER TABLE group_user ALTER COLUMN group_id TYPE bigint, ALTER COLUMN created_by TYPE varchar(100)');
      await copy.query(`UPDATE groups SET name = 'after'`);
      await copy.query(`UPDATE group_user SET created_by = 'host'`);
      await copy.query('ALTER TABLE groups DROP COLUMN scim_external_id');
      await copy.query('ALTER TABLE groups RENAME COLUMN name TO title');
      await copy.query('ALTER TABLE group_user RENAME COLUMN created_by TO invited_by');
      await copy.query(`UPDATE groups SET title = 'after all'`);
      await copy.query(`INSERT INTO groups (title, scim_id) VALUES ('another', 'another')`);
      await copy.query('DELETE FROM group_user');
      await copy.query(`INSERT INTO group_user (group_id, user_id, invited_by) SELECT id, 1, 'host' FROM groups`);
      expect(await copy.query('SELECT title FROM groups ORDER BY id')).toEqual([{ title: 'after all' }, { title: 'another' }]);
    } finally {
      await host.stop();
      await copy.drop();
    }
  });

  test('where two of its transactions touch the same groups in opposite order: both are carried out', async () => {
    const [a, b] = await people('opposite', 2);
    const [first, second] = [await provisionGroup(world(), 'opposite 1', []), await provisionGroup(world(), 'opposite 2', [])];
    const [one, other] = [await hostClient(), await hostClient()];
    const enter = (client: pg.Client, group: Provisioned, person: Provisioned | undefined) =>
      client.query('INSERT INTO group_user (group_id, user_id) VALUES ($1, $2)', [group.hostId, person?.hostId]);
    await Promise.all([one.query('BEGIN'), other.query('BEGIN')]);
    await enter(one, first, a);
    await enter(other, second, b);
    await Promise.all([
      enter(one, second, a).then(() => one.query('COMMIT')),
      enter(other, first, b).then(() => other.query('COMMIT')),
    ]);
    for (const group of [first, second]) {
      expect(await hostMembers(world().db, group.hostId)).toEqual([a?.hostId ?? 0, b?.hostId ?? 0].sort((x, y) => x - y));
      expect(await versionOf(group)).toBeGreaterThan(1);
    }
  });
});
