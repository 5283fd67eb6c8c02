import { expect, test } from '@jest/globals';
import request from 'supertest';
import { scim as clientOf } from '../support/clients.js';
import { groupBody, provision, provisionGroup, userBody } from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';

const ERROR = 'urn:ietf:params:scim:api:messages:2.0:Error';

const world = withWorld();

const bare = (method: 'get' | 'post', path: string): request.Test =>
  request(world().host.scimUrl)[method](path).set('Authorization', `Bearer ${world().host.token}`);

test('refuses whoever has no token, on every endpoint, and names the scheme', async () => {
  const stranger = clientOf(world().host, { token: null });
  for (const path of [
    '/Users',
    '/Groups',
    '/',
    '/Schemas',
    '/ResourceTypes',
    '/ServiceProviderConfig',
    '/Users/x',
    '/Me',
    '/Nope',
  ]) {
    const { headers, body } = await stranger.get(path).expect(401);
    expect([path, headers['www-authenticate'], body.schemas, body.status]).toEqual([
      path,
      expect.stringMatching(/^Bearer realm=/),
      [ERROR],
      '401',
    ]);
  }
  await stranger.post('/Bulk', { Operations: [] }).expect(401);
});

test('takes no token from the address, a cookie or the body', async () => {
  const { scimUrl, token } = world().host;
  await request(scimUrl).get(`/Users?access_token=${token}`).expect(401);
  await request(scimUrl).get('/Users').set('Cookie', `token=${token}`).expect(401);
  await request(scimUrl)
    .post('/Users')
    .send({ ...userBody('body-token'), access_token: token })
    .expect(401);
});

test('takes the name of the scheme in any case', async () => {
  const { scimUrl, token } = world().host;
  await request(scimUrl).get('/Users').set('Authorization', `bearer ${token}`).expect(200);
});

test('does not mix up the session of a person in the host with the token', async () => {
  await world().admin.get('/scim/Users').expect(401);
});

test('answers in application/scim+json whatever a client accepts', async () => {
  for (const accept of ['application/scim+json', 'application/json', '*/*', 'text/html']) {
    const { headers, text } = await bare('get', '/Users').set('Accept', accept).expect(200);
    expect(headers['content-type']).toBe('application/scim+json; charset=utf-8');
    expect(JSON.parse(text)).toHaveProperty('Resources');
  }
});

test('reads application/scim+json, application/json and a body without a type, in UTF-8', async () => {
  const types = [
    'application/scim+json',
    'application/json',
    'application/scim+json; charset=utf-8',
    'application/json;charset=UTF-8',
  ];
  for (const [index, type] of types.entries()) {
    const userName = `jürgen-${index}@example.com`;
    const { body } = await bare('post', '/Users')
      .set('Content-Type', type)
      .send(JSON.stringify(userBody(userName)))
      .expect(201);
    expect(body.userName).toBe(userName);
  }
});

test('creates with 201, the whole resource, and its address in Location and meta.location', async () => {
  const { scim, host } = world();
  for (const [path, body] of [
    ['/Users', userBody('created@example.com')],
    ['/Groups', groupBody('Created')],
  ] as const) {
    const answer = await scim.post(path, body).expect(201);
    expect(answer.body).toMatchObject(body);
    expect(answer.headers.location).toBe(`${host.scimUrl}${path}/${answer.body.id}`);
    expect(answer.body.meta.location).toBe(answer.headers.location);
    expect(answer.headers.etag).toBe(answer.body.meta.version);
    expect((await scim.get(`${path}/${answer.body.id}`).expect(200)).body).toEqual(answer.body);
  }
});

test('sets the resource type by the endpoint', async () => {
  const { scim } = world();
  const user = await scim.post('/Users', { ...userBody('type@example.com'), meta: { resourceType: 'Group' } }).expect(201);
  const group = await scim.post('/Groups', { ...groupBody('Type'), meta: { resourceType: 'User' } }).expect(201);
  expect([user.body.meta.resourceType, group.body.meta.resourceType]).toEqual(['User', 'Group']);
});

test('ignores what is read-only or unknown in a new resource', async () => {
  const more = { id: 'x', groups: [{ value: 'x' }], shoeSize: 42, 'urn:example:shoes:2.0:User': { size: 42 } };
  const { body } = await world().scim.post('/Users', userBody('ignored@example.com', more)).expect(201);
  expect(body).not.toHaveProperty('shoeSize');
  expect([body.id === 'x', body.groups ?? []]).toEqual([false, []]);
});

test('gives attributes that are not sent a value of its own where it has one', async () => {
  const { body } = await world().scim.post('/Users', userBody('default@example.com')).expect(201);
  expect(body.active).toBe(true);
});

test('answers 409 uniqueness for a resource that is there already', async () => {
  const { scim } = world();
  await provision(world(), 'again@example.com', { externalId: 'again-1' });
  await provisionGroup(world(), 'Again');
  const answers = [
    await scim.post('/Users', userBody('AGAIN@example.com')),
    await scim.post('/Users', userBody('other-again@example.com', { externalId: 'again-1' })),
    await scim.post('/Groups', groupBody('again')),
  ];
  expect(answers.map(({ body }) => [body.status, body.scimType])).toEqual(Array(3).fill(['409', 'uniqueness']));
});

test('reads a resource by its address with its version', async () => {
  const { scim } = world();
  const { id } = await provision(world(), 'known@example.com');
  const { headers, body } = await scim.get(`/Users/${id}`).expect(200);
  expect([headers.etag, headers.location]).toEqual([body.meta.version, body.meta.location]);
  const missing = await scim.get('/Users/2819c223-7f76-453a-919d-413861904646').expect(404);
  expect(missing.body).toMatchObject({ schemas: [ERROR], status: '404', detail: expect.any(String) });
  expect(missing.body).not.toHaveProperty('scimType');
});

test('answers 304 for the version that a client has, and the resource for any other', async () => {
  const { scim } = world();
  const { id } = await provision(world(), 'not-modified@example.com');
  const { etag = '' } = (await scim.get(`/Users/${id}`)).headers;
  const same = await scim.get(`/Users/${id}`).set('If-None-Match', etag).expect(304);
  expect([same.text, same.headers.etag]).toEqual(['', etag]);
  await scim.get(`/Users/${id}`).set('If-None-Match', 'W/"other"').expect(200);
});

test('changes only the version that If-Match names', async () => {
  const { scim } = world();
  const { id } = await provision(world(), 'match@example.com');
  const path = `/Users/${id}`;
  const { etag = '' } = (await scim.get(path)).headers;
  const change = userBody('match@example.com', { title: 'x' });
  const refused = await scim.put(path, change).set('If-Match', 'W/"0.0"').expect(412);
  expect(refused.body).toMatchObject({ status: '412', detail: expect.any(String) });
  await scim.put(path, change).set('If-Match', etag).expect(200);
  await scim.put(path, userBody('match@example.com')).set('If-Match', etag).expect(412);
  await scim.put(path, userBody('match@example.com')).set('If-Match', '*').expect(200);
  await scim.delete(path).set('If-Match', etag).expect(412);
  await scim.get(path).expect(200);
});

test('answers every failure with a status in the answer, the same in the body, and a detail', async () => {
  const { scim } = world();
  const failures = [
    await scim.get('/Users/x'),
    await scim.get('/Users?filter=x'),
    await scim.post('/Users', {}),
    await scim.put('/Users', {}),
    await scim.get('/Nope'),
    await bare('post', '/Users').set('Content-Type', 'text/plain').send('x'),
  ];
  expect(failures.map(({ status }) => status)).toEqual([404, 400, 400, 405, 404, 415]);
  for (const { status, body, headers } of failures) {
    expect(headers['content-type']).toMatch(/^application\/scim\+json/);
    expect(body).toMatchObject({ schemas: [ERROR], status: String(status), detail: expect.stringMatching(/\S/) });
  }
});

test('answers 501 on /Me and below', async () => {
  const { scim } = world();
  for (const answer of [await scim.get('/Me'), await scim.patch('/Me', {}), await scim.delete('/Me'), await scim.get('/Me/x')]) {
    expect([answer.status, answer.body.status, answer.body.schemas]).toEqual([501, '501', [ERROR]]);
  }
});

test('serves version 2 with and without its name, and no other version', async () => {
  const { scim } = world();
  await scim.get('/Users').expect(200);
  await scim.get('/v2/Users').expect(200);
  for (const version of ['v1', 'v3', 'v2.1']) await scim.get(`/${version}/Users`).expect(404);
});

test('ignores query parameters that it does not know', async () => {
  const { scim } = world();
  await scim.get('/Users?aadOptscim062020&shoe=42').expect(200);
  await scim.post('/Users?shoe=42', userBody('unknown-query@example.com')).expect(201);
});

test('forbids storing of answers', async () => {
  expect((await world().scim.get('/Users')).headers['cache-control']).toBe('no-store');
});

test('names in Allow what a path can do', async () => {
  const { scim } = world();
  const allowed = async (path: string): Promise<string | undefined> => (await scim.put(path, {}).expect(405)).headers.allow;
  expect([await allowed('/Users'), await allowed('/Bulk'), await allowed('/.search'), await allowed('/Schemas')]).toEqual([
    'GET, POST',
    'POST',
    'POST',
    'GET',
  ]);
});

test('speaks to whoever administers it, not in codes alone', async () => {
  const { body } = await world()
    .scim.post('/Groups', { ...groupBody('Ghosts'), members: [{ value: 'ghost' }] })
    .expect(400);
  expect(body.detail).toMatch(/ghost/);
});
