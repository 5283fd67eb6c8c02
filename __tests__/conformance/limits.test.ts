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

test('a person may have 100,000 characters of attributes, and 255 in each of many e-mails', async () => {
  const { db, scim } = world();
  const addresses = Array.from({ length: 20 }, (_, n) => ({ value: `${String(n).padStart(243, 'm')}@example.com` }));
  await scim.post('/Users', userBody('long@example.com', { emails: addresses, title: 'x'.repeat(90_000) })).expect(201);
  expect(
    await db.query(`SELECT cardinality(other_emails) AS count FROM scim_users WHERE user_name = 'long@example.com'`),
  ).toEqual([{ count: 19 }]);
  for (const more of [{ title: 'x'.repeat(100_000) }, { emails: [...addresses, { value: 'm'.repeat(256) }] }]) {
    const { body } = await scim.post('/Users', userBody('longer@example.com', more)).expect(400);
    expect(body).toMatchObject({ scimType: 'invalidValue', detail: expect.stringMatching(/100000|255/) });
  }
});

test('an address and its headers may have the 16 KiB of Node, and more is 431; an id may be as long', async () => {
  const { scim } = world();
  await scim.get(`/Users/${'x'.repeat(15_000)}`).expect(404);
  await scim.get(`/Users?filter=${encodeURIComponent(`userName eq "${'x'.repeat(9_980)}"`)}`).expect(200);
  await scim.get(`/Users?x=${'x'.repeat(15_000)}`).expect(200);
  await scim.get(`/Users?x=${'x'.repeat(17_000)}`).expect(431);
  await scim.get('/Users').set('X-Long', 'x'.repeat(17_000)).expect(431);
});

test('a filter may have as many characters, comparisons and brackets as are documented, and no more', async () => {
  const { scim } = world();
  const search = (filter: string) => scim.post('/Users/.search', { filter, count: 0 });
  const comparisons = (count: number) => Array(count).fill('title pr').join(' or ');
  const inValuePaths = (count: number) => Array(count).fill('emails[type eq "x"]').join(' or ');
  const brackets = (count: number) => `${'('.repeat(count)}title pr${')'.repeat(count)}`;
  const characters = (count: number) => `title eq "${'x'.repeat(count - 11)}"`;
  for (const [make, limit] of [
    [comparisons, 200],
    [inValuePaths, 20],
    [brackets, 50],
    [characters, 10_000],
  ] as const) {
    await search(make(limit)).expect(200);
    const { body } = await search(make(limit + 1)).expect(400);
    expect(body).toMatchObject({ scimType: 'invalidFilter', detail: expect.stringContaining(String(limit)) });
  }
});

test('a cursor lives for pagination.cursorTimeout, and is expiredCursor afterwards', async () => {
  const { pagination } = await config();
  const { scim } = world();
  const aged = (seconds: number) => scim.get(`/Users?cursor=${cursorOfPeople(Date.now() - seconds * 1000)}`);
  await aged(pagination.cursorTimeout - 60).expect(200);
  const { body } = await aged(pagination.cursorTimeout + 1).expect(400);
  expect(body).toMatchObject({ scimType: 'expiredCursor', detail: expect.stringContaining(String(pagination.cursorTimeout)) });
});
