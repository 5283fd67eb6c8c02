import { expect, test } from '@jest/globals';
import { groupBody, patchBody, provision, provisionGroup, shownMembers, userBody } from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';

const REQUEST = 'urn:ietf:params:scim:api:messages:2.0:BulkRequest';
const RESPONSE = 'urn:ietf:params:scim:api:messages:2.0:BulkResponse';
const ERROR = 'urn:ietf:params:scim:api:messages:2.0:Error';
const ENTERPRISE = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';

const world = withWorld();

interface Outcome {
  readonly method: string;
  readonly bulkId?: string;
  readonly location?: string;
  readonly version?: string;
  readonly status: string;
  readonly response?: Readonly<Record<string, unknown>>;
}

const bulk = async (operations: readonly object[], more: object = {}): Promise<readonly Outcome[]> => {
  const { body } = await world()
    .scim.post('/Bulk', { schemas: [REQUEST], ...more, Operations: operations })
    .expect(200);
  expect(body.schemas).toEqual([RESPONSE]);
  return body.Operations;
};

const newPerson = (bulkId: string, userName: string, more: object = {}): object => ({
  method: 'POST',
  path: '/Users',
  bulkId,
  data: userBody(userName, more),
});

const newGroup = (bulkId: string, name: string, memberIds: readonly string[] = []): object => ({
  method: 'POST',
  path: '/Groups',
  bulkId,
  data: groupBody(name, memberIds),
});

const idIn = (outcome: Outcome | undefined): string => outcome?.location?.split('/').at(-1) ?? '';

const statuses = (outcomes: readonly Outcome[]): readonly string[] => outcomes.map(({ status }) => status);

test('a bulk request creates, replaces, changes and deletes, and tells of each what became of it', async () => {
  const { scim, host } = world();
  const [kept, gone] = [await provision(world(), 'kept@example.com'), await provision(world(), 'gone@example.com')];
  const group = await provisionGroup(world(), 'Kept');
  const outcomes = await bulk([
    newPerson('q', 'bulk-new@example.com'),
    { method: 'PUT', path: `/Users/${kept.id}`, data: userBody('kept@example.com', { title: 'x' }) },
    { method: 'PATCH', path: `/Groups/${group.id}`, data: patchBody({ op: 'replace', path: 'displayName', value: 'Renamed' }) },
    { method: 'DELETE', path: `/Users/${gone.id}` },
  ]);
  expect(statuses(outcomes)).toEqual(['201', '200', '204', '204']);
  expect(outcomes.map(({ method, bulkId }) => [method, bulkId])).toEqual([
    ['POST', 'q'],
    ['PUT', undefined],
    ['PATCH', undefined],
    ['DELETE', undefined],
  ]);
  expect(outcomes.map(({ location }) => location)).toEqual([
    `${host.scimUrl}/Users/${idIn(outcomes[0])}`,
    `${host.scimUrl}/Users/${kept.id}`,
    `${host.scimUrl}/Groups/${group.id}`,
    `${host.scimUrl}/Users/${gone.id}`,
  ]);
  const created = await scim.get(`/Users/${idIn(outcomes[0])}`).expect(200);
  expect(outcomes[0]?.version).toBe(created.body.meta.version);
  expect((await scim.get(`/Users/${kept.id}`)).body.title).toBe('x');
  expect((await scim.get(`/Groups/${group.id}`)).body.displayName).toBe('Renamed');
  await scim.get(`/Users/${gone.id}`).expect(404);
});

test('a bulk request goes on after a failure, and tells it as a single request would', async () => {
  await provision(world(), 'there@example.com');
  const outcomes = await bulk([
    newPerson('a', 'there@example.com'),
    { method: 'DELETE', path: '/Users/nobody' },
    { method: 'GET', path: '/Users' },
    newPerson('b', 'after@example.com'),
  ]);
  expect(statuses(outcomes)).toEqual(['409', '404', '400', '201']);
  expect(outcomes[0]).not.toHaveProperty('location');
  expect(outcomes[1]?.location).toContain('/Users/nobody');
  for (const { status, response } of outcomes.slice(0, 3)) {
    expect(response).toMatchObject({ schemas: [ERROR], status, detail: expect.stringMatching(/\S/) });
  }
  expect(outcomes[0]?.response?.scimType).toBe('uniqueness');
});

test('a bulk request stops after as many errors as failOnErrors says, and tells of what it did', async () => {
  const { scim } = world();
  const missing = { method: 'DELETE', path: '/Users/nobody' };
  const outcomes = await bulk(
    [newPerson('a', 'before-stop@example.com'), missing, missing, newPerson('b', 'stopped@example.com')],
    { failOnErrors: 2 },
  );
  expect(statuses(outcomes)).toEqual(['201', '404', '404']);
  expect((await scim.get('/Users?filter=userName%20eq%20%22stopped%40example.com%22')).body.totalResults).toBe(0);
  expect(statuses(await bulk([missing, missing, missing]))).toEqual(['404', '404', '404']);
});

test('a bulkId stands for the id in members and in an extension, backward and forward', async () => {
  const { scim } = world();
  const outcomes = await bulk([
    newGroup('g', 'Forward', ['bulkId:p1', 'bulkId:p2']),
    newPerson('p1', 'bulk-1@example.com', { [ENTERPRISE]: { manager: { value: 'bulkId:p2' } } }),
    newPerson('p2', 'bulk-2@example.com'),
    newGroup('h', 'Backward', ['bulkId:p2']),
  ]);
  expect(statuses(outcomes)).toEqual(Array(4).fill('201'));
  expect(outcomes.map(({ bulkId }) => bulkId)).toEqual(['g', 'p1', 'p2', 'h']);
  const [g, p1, p2, h] = outcomes.map(idIn);
  expect(await shownMembers(scim, g ?? '')).toEqual(expect.arrayContaining([p1, p2]));
  expect(await shownMembers(scim, h ?? '')).toEqual([p2]);
  expect((await scim.get(`/Users/${p1}`)).body[ENTERPRISE].manager.value).toBe(p2);
});

test('a bulkId stands for the id in a path and in the path of a change', async () => {
  const { scim } = world();
  const outcomes = await bulk([
    newPerson('p', 'path@example.com'),
    newGroup('g', 'Path', ['bulkId:p']),
    { method: 'PATCH', path: '/Users/bulkId:p', data: patchBody({ op: 'add', path: 'title', value: 'x' }) },
    { method: 'PATCH', path: '/Groups/bulkId:g', data: patchBody({ op: 'remove', path: 'members[value eq "bulkId:p"]' }) },
  ]);
  expect(statuses(outcomes)).toEqual(['201', '201', '200', '204']);
  expect((await scim.get(`/Users/${idIn(outcomes[0])}`)).body.title).toBe('x');
  expect(await shownMembers(scim, idIn(outcomes[1]))).toEqual([]);
});

test('references in a circle are resolved', async () => {
  const { scim } = world();
  const managedBy = (bulkId: string): object => ({ [ENTERPRISE]: { manager: { value: `bulkId:${bulkId}` } } });
  const outcomes = await bulk([
    newPerson('x', 'circle-1@example.com', managedBy('y')),
    newPerson('y', 'circle-2@example.com', managedBy('x')),
  ]);
  expect(statuses(outcomes)).toEqual(['201', '201']);
  const [x, y] = outcomes.map(idIn);
  expect((await scim.get(`/Users/${x}`)).body[ENTERPRISE].manager.value).toBe(y);
  expect((await scim.get(`/Users/${y}`)).body[ENTERPRISE].manager.value).toBe(x);
});

test('an operation that refers to one that failed fails with 409 and is told why', async () => {
  await provision(world(), 'blocked@example.com');
  const outcomes = await bulk([newPerson('p', 'blocked@example.com'), newGroup('g', 'Blocked', ['bulkId:p'])]);
  expect(statuses(outcomes)).toEqual(['409', '409']);
  expect(outcomes[1]?.response?.detail).toContain('"p"');
});

test('operations on one resource take effect in their order', async () => {
  const { scim } = world();
  const { id } = await provision(world(), 'ordered@example.com');
  const title = (value: string): object => ({
    method: 'PATCH',
    path: `/Users/${id}`,
    data: patchBody({ op: 'replace', path: 'title', value }),
  });
  await bulk([title('1'), title('2'), title('3')]);
  expect((await scim.get(`/Users/${id}`)).body.title).toBe('3');
});

test('a version in an operation is what If-Match is in a request', async () => {
  const { scim } = world();
  const { id } = await provision(world(), 'bulk-version@example.com');
  const { version } = (await scim.get(`/Users/${id}`)).body.meta;
  const change = (against: string): object => ({
    method: 'PUT',
    path: `/Users/${id}`,
    version: against,
    data: userBody('bulk-version@example.com', { title: against }),
  });
  expect(statuses(await bulk([change('W/"0.0"'), change(version), change(version)]))).toEqual(['412', '200', '412']);
});

test('a POST without a bulkId, and a bulkId that stands twice, are refused', async () => {
  const outcomes = await bulk([
    { method: 'POST', path: '/Users', data: userBody('no-bulk-id@example.com') },
    newPerson('t', 'twice-1@example.com'),
    newPerson('t', 'twice-2@example.com'),
  ]);
  expect(statuses(outcomes)).toEqual(['400', '201', '400']);
});

test('a bulk request without operations is answered without any', async () => {
  expect(await bulk([])).toEqual([]);
});

test('a body that is no bulk request is refused as a whole', async () => {
  const { body } = await world().scim.post('/Bulk', { Operations: 'x' }).expect(400);
  expect(body).toMatchObject({ schemas: [ERROR], scimType: 'invalidSyntax' });
});
