import { beforeAll, describe, expect, test } from '@jest/globals';
import { provision, provisionGroup, userBody } from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';

const world = withWorld();

const NAMES = ['ann', 'ben', 'cem', 'dot', 'eva', 'fay', 'gus'];

beforeAll(async () => {
  for (const name of NAMES) await provision(world(), name, { title: name < 'e' ? 'early' : 'late' });
  await provisionGroup(world(), 'group');
});

interface PageBody {
  readonly totalResults: number;
  readonly itemsPerPage: number;
  readonly startIndex?: number;
  readonly nextCursor?: string;
  readonly previousCursor?: string;
  readonly Resources: readonly { readonly userName?: string; readonly displayName?: string }[];
}

type Query = Readonly<Record<string, string>>;

const page = async (query: Query, path = '/Users'): Promise<PageBody> =>
  (
    await world()
      .scim.get(`${path}?${new URLSearchParams(query)}`)
      .expect(200)
  ).body;

const names = ({ Resources }: PageBody): readonly (string | undefined)[] =>
  Resources.map(({ userName, displayName }) => userName ?? displayName);

const pages = async (query: Query, path?: string): Promise<readonly PageBody[]> => {
  const all = [await page({ ...query, cursor: '' }, path)];
  for (let next = all[0]?.nextCursor; next !== undefined; next = all.at(-1)?.nextCursor)
    all.push(await page({ ...query, cursor: next }, path));
  return all;
};

const refusal = async (query: Query): Promise<unknown> =>
  (
    await world()
      .scim.get(`/Users?${new URLSearchParams(query)}`)
      .expect(400)
  ).body.scimType;

describe('cursors', () => {
  test('lead through everything once, with the total on each page', async () => {
    const all = await pages({ count: '3' });
    expect(all.map(names)).toEqual([NAMES.slice(0, 3), NAMES.slice(3, 6), NAMES.slice(6)]);
    expect(all.map(({ totalResults, itemsPerPage }) => [totalResults, itemsPerPage])).toEqual([
      [7, 3],
      [7, 3],
      [7, 1],
    ]);
  });

  test('are empty or without a value for the first page', async () => {
    const first = await page({ cursor: '', count: '2' });
    const { body } = await world().scim.get('/Users?cursor&count=2').expect(200);
    expect([names(first), names(body)]).toEqual([
      ['ann', 'ben'],
      ['ann', 'ben'],
    ]);
    expect(first.nextCursor).toEqual(expect.any(String));
  });

  test('are missing on the last page, also where it is full', async () => {
    expect((await pages({ count: '7' })).map(({ nextCursor }) => nextCursor)).toEqual([undefined]);
    expect((await pages({ count: '3' })).at(-1)?.nextCursor).toBeUndefined();
    expect((await page({ cursor: '', filter: 'userName eq "nobody"' })).nextCursor).toBeUndefined();
  });

  test('lead back, but not from the first page', async () => {
    const [first, second] = await pages({ count: '3' });
    expect(first?.previousCursor).toBeUndefined();
    const back = await page({ count: '3', cursor: second?.previousCursor ?? '' });
    expect(names(back)).toEqual(NAMES.slice(0, 3));
    expect(back.previousCursor).toBeUndefined();
    expect(names(await page({ count: '3', cursor: back.nextCursor ?? '' }))).toEqual(NAMES.slice(3, 6));
  });

  test('are made of unreserved characters and tell nothing of what they hold', async () => {
    const { nextCursor = '' } = await page({ cursor: '', count: '3', sortBy: 'userName' });
    expect(nextCursor).toMatch(/^[A-Za-z0-9\-._~]+$/);
    expect(Buffer.from(nextCursor, 'base64url').toString('latin1')).not.toMatch(/cem|after|count/);
    const again = await page({ cursor: '', count: '3', sortBy: 'userName' });
    expect(again.nextCursor).not.toBe(nextCursor);
  });

  test('come without startIndex, and an index page without cursors', async () => {
    const [byCursor, byIndex] = [await page({ cursor: '', count: '3' }), await page({ startIndex: '1', count: '3' })];
    expect([byCursor.startIndex, byIndex.startIndex, byIndex.nextCursor]).toEqual([undefined, 1, undefined]);
  });

  test('hold under a filter and an order', async () => {
    const all = await pages({ count: '2', filter: 'title eq "early"', sortBy: 'userName', sortOrder: 'descending' });
    expect(all.flatMap(names)).toEqual(['dot', 'cem', 'ben', 'ann']);
    const equals = await pages({ count: '2', sortBy: 'title' });
    expect(equals.flatMap(names)).toEqual(NAMES);
  });

  test('hold over people and groups', async () => {
    expect((await pages({ count: '3' }, '/')).flatMap(names)).toEqual(expect.arrayContaining([...NAMES, 'group']));
    expect((await pages({ count: '3' }, '/')).flatMap(names)).toHaveLength(8);
  });

  test('work in a search by POST', async () => {
    const { scim } = world();
    const search = { filter: 'userName pr', attributes: ['userName'], count: 4 };
    const first = await scim.post('/Users/.search', { ...search, cursor: '' }).expect(200);
    const second = await scim.post('/Users/.search', { ...search, cursor: first.body.nextCursor }).expect(200);
    expect([...names(first.body), ...names(second.body)]).toEqual(NAMES);
    expect(second.body.nextCursor).toBeUndefined();
  });

  test('are for one query: another filter, order, endpoint or count is refused', async () => {
    const { nextCursor: cursor = '' } = await page({ cursor: '', count: '3', filter: 'userName pr' });
    expect(await refusal({ cursor, count: '3' })).toBe('invalidCursor');
    expect(await refusal({ cursor, count: '3', filter: 'title pr' })).toBe('invalidCursor');
    expect(await refusal({ cursor, count: '3', filter: 'userName pr', sortBy: 'title' })).toBe('invalidCursor');
    expect(await refusal({ cursor, count: '2', filter: 'userName pr' })).toBe('invalidCount');
    const { body } = await world().scim.get(`/Groups?count=3&cursor=${cursor}`).expect(400);
    expect(body.scimType).toBe('invalidCursor');
  });

  test('that are garbage are invalidCursor', async () => {
    expect(await refusal({ cursor: 'garbage' })).toBe('invalidCursor');
  });

  test('go on where a resource came or went meanwhile', async () => {
    const { scim } = world();
    const first = await page({ cursor: '', count: '3' });
    const late = await scim.post('/Users', userBody('zoe')).expect(201);
    const rest = await page({ cursor: first.nextCursor ?? '', count: '3' });
    expect(names(rest)).toEqual(NAMES.slice(3, 6));
    await scim.delete(`/Users/${late.body.id}`).expect(204);
  });
});

describe('count', () => {
  test('of 0 or less holds the total alone', async () => {
    for (const count of ['0', '-1']) {
      const body = await page({ cursor: '', count });
      expect([body.totalResults, body.Resources, body.nextCursor]).toEqual([7, [], undefined]);
    }
  });

  test('is never exceeded, and a word in its place is invalidCount', async () => {
    expect((await pages({ count: '2' })).every(({ Resources }) => Resources.length <= 2)).toBe(true);
    expect(await refusal({ cursor: '', count: 'many' })).toBe('invalidCount');
  });
});

test('the configuration says how pages are made', async () => {
  const { body } = await world().scim.get('/ServiceProviderConfig').expect(200);
  expect(body.pagination).toEqual({
    cursor: true,
    index: true,
    defaultPaginationMethod: 'index',
    defaultPageSize: 100,
    maxPageSize: 1000,
    cursorTimeout: 3600,
  });
});

test('every page asks for the token anew, and a cursor opens nothing without it', async () => {
  const { scim, admin } = world();
  const { nextCursor: cursor = '' } = await page({ cursor: '', count: '3' });
  await scim.get(`/Users?count=3&cursor=${cursor}`).set('Authorization', 'Bearer wrong').expect(401);
  await admin.post('/api/admin/scim-settings').send({ enabled: false }).expect(200);
  await scim.get(`/Users?count=3&cursor=${cursor}`).expect(403);
  await admin.post('/api/admin/scim-settings').send({ enabled: true }).expect(200);
  await scim.get(`/Users?count=3&cursor=${cursor}`).expect(200);
});
