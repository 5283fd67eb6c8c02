import { beforeAll, describe, expect, test } from '@jest/globals';
import { withWorld } from '../support/test-world.js';

const world = withWorld();
const GROUPS = 9;
const MEMBERS = 9_000;

interface Listed {
  readonly totalResults: number;
  readonly itemsPerPage: number;
  readonly nextCursor?: string;
  readonly previousCursor?: string;
  readonly Resources: readonly { readonly displayName: string; readonly members?: readonly unknown[] }[];
}

// Names that take six characters of JSON for each of theirs: four of these groups fit into one answer.
beforeAll(async () => {
  await world().db.query(`
    BEGIN;
    SET LOCAL scim.writer = 'on';
    INSERT INTO users (name, username, scim_id) SELECT repeat(chr(1), 255), 'member-' || n, 'member-' || n FROM generate_series(1, ${MEMBERS}) n;
    INSERT INTO scim_users (user_id, scim_id, state, user_name, host_name, host_username)
      SELECT id, scim_id, 'active', username, name, username FROM users WHERE username LIKE 'member-%';
    INSERT INTO groups (name, scim_id) SELECT 'large ' || n, 'large-' || n FROM generate_series(1, ${GROUPS}) n ORDER BY n;
    INSERT INTO group_user (group_id, user_id) SELECT g.id, u.id FROM groups g, users u WHERE g.scim_id LIKE 'large-%' AND u.username LIKE 'member-%';
    COMMIT`);
});

const get = async (path: string): Promise<Listed> => (await world().scim.get(path).expect(200)).body;

const shown = ({ Resources, itemsPerPage, totalResults }: Listed): readonly string[] => {
  expect([totalResults, itemsPerPage]).toEqual([GROUPS, Resources.length]);
  for (const { members } of Resources) expect(members).toHaveLength(MEMBERS);
  return Resources.map(({ displayName }) => displayName.replace('large ', ''));
};

describe('a page of groups with more members than an answer can carry', () => {
  test('ends early where it is sorted or filtered', async () => {
    const sorted = await get('/Groups?filter=displayName sw "large"&sortBy=displayName&startIndex=1&count=9');
    expect(shown(sorted)).toEqual(['1', '2', '3', '4']);
  });

  test.each([
    ['all', '/Groups?'],
    ['a search over everything', '/?filter=meta.resourceType eq "Group"&'],
  ])('goes on where it ended, forwards and backwards: %s', async (_name, list) => {
    const first = await get(`${list}cursor&count=9`);
    expect(shown(first)).toEqual(['1', '2', '3', '4']);
    const second = await get(`${list}cursor=${first.nextCursor}&count=9`);
    expect(shown(second)).toEqual(['5', '6', '7', '8']);
    const third = await get(`${list}cursor=${second.nextCursor}&count=9`);
    expect([shown(third), third.nextCursor]).toEqual([['9'], undefined]);
    const back = await get(`${list}cursor=${third.previousCursor}&count=9`);
    expect([shown(back), back.previousCursor]).toEqual([['5', '6', '7', '8'], expect.any(String)]);
  });

  test('has all of them where their members are left out', async () => {
    const { Resources, itemsPerPage } = await get('/Groups?excludedAttributes=members&count=9');
    expect([Resources.length, itemsPerPage]).toEqual([GROUPS, GROUPS]);
  });

  test('has one group at least', async () => {
    const { db } = world();
    const ids = await db.query<{ id: number }>(`SELECT id FROM groups WHERE scim_id LIKE 'large-%' ORDER BY id`);
    const within = (most: number) =>
      db.query<{ id: number }>('SELECT id FROM scim_members_within($1, $2, $3)', [ids.map(({ id }) => id), '', most]);
    expect(await within(10)).toEqual(ids.slice(0, 1));
  });
});
