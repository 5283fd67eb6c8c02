import { afterEach, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { scim as clientOf, type ScimClient } from '../support/clients.js';
import {
  endOfLog,
  groupBody,
  patchBody,
  provision,
  provisionGroup,
  setActive,
  typesSince,
  userBody,
} from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';

const BODY_LIMIT = 20_000;
const world = withWorld({ scimOptions: { bodyLimit: BODY_LIMIT } });

const ERROR_SCHEMA = 'urn:ietf:params:scim:api:messages:2.0:Error';

const switchScim = (enabled: boolean): Promise<unknown> =>
  world().admin.post('/api/admin/scim-settings').send({ enabled }).expect(200).then();
const maintain = (enabled: boolean): Promise<unknown> => world().admin.post('/api/admin/maintenance').send({ enabled }).then();
afterEach(async () => {
  await maintain(false);
  await switchScim(true);
});

const expectError = (answer: request.Response, status: number): void => {
  expect(answer.status).toBe(status);
  expect(answer.headers['content-type']).toMatch(/^application\/scim\+json/);
  expect(answer.body).toMatchObject({ schemas: [ERROR_SCHEMA], status: String(status), detail: expect.stringMatching(/\w{3}/) });
};

/** One request of each kind, reading and writing. */
const requestsOf = (client: ScimClient, id: string): readonly request.Test[] => [
  client.get('/Users'),
  client.get(`/Groups/${id}`),
  client.get('/ServiceProviderConfig'),
  client.get('/nowhere'),
  client.post('/Users', userBody('never made')),
  client.put(`/Users/${id}`, userBody('never made')),
  client.patch(`/Users/${id}`, setActive(false)),
  client.delete(`/Users/${id}`),
];

describe('who may come in', () => {
  const strangers: ReadonlyArray<readonly [string, string | undefined]> = [
    ['no token', undefined],
    ['a wrong token', 'Bearer test-token-0123456789abcdef0123456789abcdeX'],
    ['an empty token', 'Bearer '],
    ['the right token in the wrong scheme', 'Basic test-token-0123456789abcdef0123456789abcdef'],
    ['the bare token', 'test-token-0123456789abcdef0123456789abcdef'],
  ];
  test.each(strangers)(
    'with %s: 401 with WWW-Authenticate, whatever is asked, also while SCIM is switched off',
    async (_name, authorization) => {
      const { host, db } = world();
      const person = await provision(world(), `asked-for-${strangers.findIndex(([, sent]) => sent === authorization)}`);
      const mark = await endOfLog(db);
      for (const enabled of [true, false]) {
        if (!enabled) await switchScim(false);
        for (const sent of requestsOf(clientOf(host, { token: null }), person.id)) {
          const answer = await (authorization === undefined ? sent : sent.set('Authorization', authorization));
          expectError(answer, 401);
          expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
        }
      }
      expect((await typesSince(db, mark)).filter((type) => type !== 'setting-updated')).toEqual([]);
    },
  );

  test('with the token while SCIM is switched off: 403 that says so, whatever is asked', async () => {
    const { host, scim } = world();
    const person = await provision(world(), 'switched-off');
    await switchScim(false);
    for (const sent of requestsOf(scim, person.id)) {
      const answer = await sent;
      expectError(answer, 403);
      expect(answer.body.detail).toMatch(/switched off/);
    }
    await switchScim(true);
    await clientOf(host).get(`/Users/${person.id}`).expect(200);
  });

  test('with the scheme in any case and spaces in between', async () => {
    const { host } = world();
    await request(host.scimUrl).get('/Users').set('Authorization', `bearer   ${host.token} `).expect(200);
  });

  test('never by the session of an admin alone', async () => {
    await world().admin.get('/scim/Users').expect(401);
  });
});

test('in maintenance mode every write is 503 with Retry-After and changes nothing, and reads go on', async () => {
  const { scim, db } = world();
  const person = await provision(world(), 'maintained');
  const group = await provisionGroup(world(), 'maintained', [person]);
  await maintain(true);
  const mark = await endOfLog(db);
  for (const sent of [
    scim.post('/Users', userBody('in-maintenance')),
    scim.put(`/Users/${person.id}`, userBody('in-maintenance')),
    scim.patch(`/Users/${person.id}`, setActive(false)),
    scim.delete(`/Users/${person.id}`),
    scim.post('/Groups', groupBody('in-maintenance')),
    scim.put(`/Groups/${group.id}`, groupBody('in-maintenance', [])),
    scim.patch(`/Groups/${group.id}`, patchBody({ op: 'remove', path: 'members' })),
    scim.delete(`/Groups/${group.id}`),
  ]) {
    const answer = await sent;
    expectError(answer, 503);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(answer.body.detail).toMatch(/maintenance/);
  }
  await scim.get(`/Users/${person.id}`).expect(200);
  await scim.get(`/Groups/${group.id}`).expect(200);
  await scim.get('/Users?filter=userName%20eq%20%22maintained%22').expect(200);
  expect(await typesSince(db, mark)).toEqual([]);
  await maintain(false);
  await scim.patch(`/Users/${person.id}`, setActive(false)).expect(200);
});

describe('a body', () => {
  test('beyond the limit is a 413 that names the limit; one below it passes', async () => {
    const { scim } = world();
    const answer = await scim.post('/Users', userBody('too-large', { nickName: 'x'.repeat(BODY_LIMIT) }));
    expectError(answer, 413);
    expect(answer.body.detail).toContain(String(BODY_LIMIT));
    await scim.post('/Users', userBody('large', { nickName: 'x'.repeat(BODY_LIMIT - 500) })).expect(201);
    expect((await scim.get('/ServiceProviderConfig').expect(200)).body.bulk.maxPayloadSize).toBe(BODY_LIMIT);
  });

  test.each([
    ['no JSON', '{"userName":', 400],
    ['empty', '', 400],
    ['a list', '[]', 400],
    ['nested too deep', `${'{"a":'.repeat(100)}1${'}'.repeat(100)}`, 400],
  ])('that is %s is an error in SCIM, without a word of the server inside', async (_name, body, status) => {
    const { host } = world();
    const answer = await request(host.scimUrl)
      .post('/Users')
      .set({ Authorization: `Bearer ${host.token}`, 'Content-Type': 'application/scim+json' })
      .send(body);
    expectError(answer, status);
    expect(answer.text).not.toMatch(/node_modules|\.js:|SELECT|stack/);
  });

  test('of another media type is a 415; application/json is as good as application/scim+json', async () => {
    const { host } = world();
    const send = (type: string, userName: string): request.Test =>
      request(host.scimUrl)
        .post('/Users')
        .set({ Authorization: `Bearer ${host.token}`, 'Content-Type': type })
        .send(JSON.stringify(userBody(userName)));
    expectError(await send('text/plain', 'as-text'), 415);
    await send('application/json', 'as-json').expect(201);
    await send('application/scim+json; charset=UTF-8', 'as-scim').expect(201);
  });
});

test('an unknown path is a 404 and a wrong method a 405 with Allow, both in SCIM', async () => {
  const { scim } = world();
  expectError(await scim.get('/nowhere'), 404);
  expectError(await scim.get('/Users/no-such-id'), 404);
  expectError(await scim.get('/Users/%00'), 404);
  expectError(await scim.get('/Users/%E0%A4%A'), 400);
  const answer = await scim.delete('/Users');
  expectError(answer, 405);
  expect(answer.headers.allow).toBe('GET, POST');
});

test("an answer has the resource's version as its only entity tag, no cookie and no name of the server", async () => {
  const { headers } = await world().scim.get('/Users').expect(200);
  for (const name of ['etag', 'x-powered-by', 'set-cookie']) expect(headers).not.toHaveProperty(name);
  expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
});

test('HEAD is answered as GET is, without the body', async () => {
  const { host, scim } = world();
  const person = await provision(world(), 'head');
  for (const path of [`/Users/${person.id}`, '/Users?count=1', '/Schemas', '/Users/nobody']) {
    const { headers, status } = await scim.get(path);
    const answer = await request(host.scimUrl).head(path).set('Authorization', `Bearer ${host.token}`);
    expect([path, answer.status, answer.text ?? '']).toEqual([path, status, '']);
    for (const name of ['content-type', 'content-length', 'etag', 'location', 'cache-control', 'x-content-type-options']) {
      expect([path, name, answer.headers[name]]).toEqual([path, name, headers[name]]);
    }
  }
});

test('what has no entity tag is there for who asks for it unless there is any', async () => {
  const { scim } = world();
  for (const path of ['/Users', '/Schemas', '/Groups?count=0']) {
    const answer = await scim.get(path).set('If-None-Match', '*').expect(304);
    expect([answer.text, answer.headers['content-type']]).toEqual(['', undefined]);
    await scim.get(path).set('If-None-Match', '"x"').expect(200);
  }
});

test("the host's metrics know requests by their routes, whatever address they came by", async () => {
  const { host, scim } = world();
  const person = await provision(world(), 'measured');
  await request(host.scimUrl).get(`/v2//Users/${person.id}/`).set('Authorization', `Bearer ${host.token}`).expect(200);
  await scim.get('/Groups?count=0').expect(200);
  await request(host.scimUrl).get('/Users').expect(401);
  const { text } = await request(host.url).get('/internal-backstage/prometheus').expect(200);
  const paths = new Set([...text.matchAll(/http_request_duration\w*\{[^}]*path="([^"]*scim[^"]*)"/g)].map(([, path]) => path));
  expect([...paths].sort()).toEqual(expect.arrayContaining(['/scim/Groups', '/scim/Users', '/scim/Users/:id']));
  expect([...paths].filter((path) => path?.includes(person.id) || path?.includes('v2'))).toEqual([]);
});
