import { beforeAll, expect, test } from '@jest/globals';
import { groupBody, patchBody, provision, userBody } from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';
import { cursorOfPeople } from './bad-input/cursors.js';

const OPTIONS = { defaultPageSize: 3, maxPageSize: 5, bodyLimit: 200_000 };
const PEOPLE = 7;

const world = withWorld({ scimOptions: OPTIONS });

beforeAll(async () => {
  for (let n = 1; n <= PEOPLE; n += 1) await provision(world(), `person-${n}@example.com`);
});

const config = async () => (await world().scim.get('/ServiceProviderConfig').expect(200)).body;

const deletions = (count: number): object => ({ Operations: Array(count).fill({ method: 'DELETE', path: '/Users/nobody' }) });

test('the limits are advertised as they were set', async () => {
  expect(await config()).toMatchObject({
    bulk: { maxOperations: 1000, maxPayloadSize: OPTIONS.bodyLimit },
    filter: { maxResults: OPTIONS.maxPageSize },
    pagination: { defaultPageSize: OPTIONS.defaultPageSize, maxPageSize: OPTIONS.maxPageSize, cursorTimeout: 3600 },
  });
});

test('a page holds no more than filter.maxResults, whatever count and filter say', async () => {
  const { filter } = await config();
  for (const path of ['/Users?count=1000', '/Users?filter=userName%20pr&count=6', '/Users?cursor=&count=1000', '/?count=1000']) {
    const { body } = await world().scim.get(path).expect(200);
    expect([path, body.Resources.length, body.itemsPerPage]).toEqual([path, filter.maxResults, filter.maxResults]);
    expect(body.totalResults).toBeGreaterThanOrEqual(PEOPLE);
  }
  const searched = await world().scim.post('/Users/.search', { count: 1000 }).expect(200);
  expect(searched.body.Resources).toHaveLength(filter.maxResults);
});

test('a page without count holds pagination.defaultPageSize', async () => {
  const { pagination } = await config();
  for (const path of ['/Users', '/', '/Users?cursor=']) {
    expect((await world().scim.get(path).expect(200)).body.Resources).toHaveLength(pagination.defaultPageSize);
  }
});

test('a list without paging parameters is paged by pagination.defaultPaginationMethod', async () => {
  const { pagination } = await config();
  const { body } = await world().scim.get('/Users').expect(200);
  expect([pagination.defaultPaginationMethod, body.startIndex, body.nextCursor]).toEqual(['index', 1, undefined]);
});

test('bulk.maxOperations are done, and one more is 413 that names the limit', async () => {
  const { bulk } = await config();
  const { body } = await world().scim.post('/Bulk', deletions(bulk.maxOperations)).expect(200);
  expect(body.Operations).toHaveLength(bulk.maxOperations);
  const refused = await world()
    .scim.post('/Bulk', deletions(bulk.maxOperations + 1))
    .expect(413);
  expect(refused.body.detail).toContain(String(bulk.maxOperations));
});

test('a body of bulk.maxPayloadSize is read, and one byte more is 413 that names the limit', async () => {
  const { bulk } = await config();
  const { scim } = world();
  const ofSize = (bytes: number): object => {
    const empty = JSON.stringify({ Operations: [], padding: '' }).length;
    return { Operations: [], padding: 'x'.repeat(bytes - empty) };
  };
  await scim.post('/Bulk', ofSize(bulk.maxPayloadSize)).expect(200);
  const refused = await scim.post('/Bulk', ofSize(bulk.maxPayloadSize + 1)).expect(413);
  expect(refused.body).toMatchObject({ status: '413', detail: expect.stringContaining(String(bulk.maxPayloadSize)) });
  await scim.post('/Users', userBody('large@example.com', { title: 'x'.repeat(bulk.maxPayloadSize) })).expect(413);
  await scim.post('/Groups', groupBody('x'.repeat(bulk.maxPayloadSize))).expect(413);
});

test('a change takes as many operations as bulk.maxOperations, and no more', async () => {
  const { bulk } = await config();
  const { scim } = world();
  const { id } = await provision(world(), 'many-operations@example.com');
  const operations = (count: number): object => patchBody(...Array(count).fill({ op: 'replace', path: 'title', value: 'x' }));
  await scim.patch(`/Users/${id}`, operations(bulk.maxOperations)).expect(200);
  await scim.patch(`/Users/${id}`, operations(bulk.maxOperations + 1)).expect(400);
});

test('a cursor lives for pagination.cursorTimeout, and is expiredCursor afterwards', async () => {
  const { pagination } = await config();
  const { scim } = world();
  const aged = (seconds: number) => scim.get(`/Users?cursor=${cursorOfPeople(Date.now() - seconds * 1000)}`);
  await aged(pagination.cursorTimeout - 60).expect(200);
  const { body } = await aged(pagination.cursorTimeout + 1).expect(400);
  expect(body).toMatchObject({ scimType: 'expiredCursor', detail: expect.stringContaining(String(pagination.cursorTimeout)) });
});
