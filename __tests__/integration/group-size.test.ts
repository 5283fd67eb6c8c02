import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { type Provisioned, provision, provisionGroup } from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';

const world = withWorld();
const MEMBERS = 3000;
/** Rows that a change of one member reads at the very most, what the tests before it left dead included. */
const ENOUGH = 300;

const scene: { client?: pg.Client; group?: Provisioned; person?: Provisioned; token?: number } = {};

beforeAll(async () => {
  const { db } = world();
  const group = await provisionGroup(world(), 'large', []);
  await db.query(
    `INSERT INTO users (name, username, scim_id) SELECT 'Member ' || n, 'member-' || n, 'member-' || n FROM generate_series(1, $1) n`,
    [MEMBERS],
  );
  await db.query(`INSERT INTO group_user (group_id, user_id) SELECT $1, id FROM users WHERE username LIKE 'member-%'`, [
    group.hostId,
  ]);
  // The world ends before the connection does.
  const client = new pg.Client(db.connection).on('error', () => undefined);
  await client.connect();
  // As on a connection of ours: the plan is made when nobody knows how large a group is.
  await client.query('SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off');
  const { rows } = await client.query<{ number: number }>('SELECT number FROM scim_token');
  Object.assign(scene, { client, group, person: await provision(world(), 'outside@example.com'), token: rows[0]?.number });
});
afterAll(() => scene.client?.end());

/** Rows that a statement reads, of tables and of indexes alone, where a host has many. */
const rowsRead = async (text: string, values: readonly unknown[]): Promise<number> => {
  const { client } = scene;
  if (client === undefined) throw new Error('opened before the tests');
  await client.query('BEGIN');
  const { rows: outcome } = await client.query(text, [...values]);
  const { rows } = await client.query<{ read: string }>(
    `SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) AS read FROM pg_stat_xact_user_tables
     WHERE relname IN ('users', 'groups', 'group_user', 'scim_users', 'scim_groups', 'scim_parked_members', 'events')`,
  );
  await client.query('ROLLBACK');
  expect(outcome).toEqual([{ outcome: expect.stringMatching(/^(changed|same)$/) }]);
  return Number(rows[0]?.read);
};

const CHANGE = `SELECT * FROM scim_change_members($1, $2, NULL, $3, $4, 'test', -1337, NULL)`;
const changes: Readonly<Record<string, () => readonly [add: readonly string[], remove: readonly string[]]>> = {
  'somebody enters': () => [[scene.person?.id ?? ''], []],
  'a member enters again': () => [['member-7'], []],
  'a member leaves': () => [[], ['member-7']],
  'somebody leaves who is none': () => [[], [scene.person?.id ?? '']],
  'one enters and two leave': () => [[scene.person?.id ?? ''], ['member-7', 'member-2900']],
};

test.each(Object.keys(changes))('where %s, the other members are not read', async (name) => {
  const [add, remove] = changes[name]?.() ?? [[], []];
  for (let i = 0; i < 3; i += 1) {
    expect(await rowsRead(CHANGE, [scene.token, scene.group?.id, add, remove])).toBeLessThan(ENOUGH);
  }
});

test('where all are stated again, each is read once or twice, and nothing else is', async () => {
  const ids = Array.from({ length: MEMBERS }, (_none, index) => `member-${MEMBERS - index}`);
  const text = `SELECT outcome FROM scim_replace_group($1, $2, NULL, NULL, NULL, $3, '{}', NULL, 'test', -1337, NULL)`;
  expect(await rowsRead(text, [scene.token, scene.group?.id, ids])).toBeLessThan(4 * MEMBERS + ENOUGH);
});
