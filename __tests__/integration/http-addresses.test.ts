import { describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { startHost } from '../support/host-process.js';
import { groupBody, patchBody, userBody } from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';

const PUBLIC_URL = 'https://unleash.example.com';
const world = withWorld({ baseUriPath: '/feature', hostOptions: { server: { unleashUrl: PUBLIC_URL } } });

/** Without the client's own tidying of addresses. */
const origin = (): string => new URL(world().host.url).origin;
const get = (path: string): request.Test => request(origin()).get(path).set('Authorization', `Bearer ${world().host.token}`);

describe('the address of SCIM', () => {
  test.each([
    '/feature/scim/Users',
    '/feature/scim/Users/',
    '/feature/scim/v2/Users',
    '/feature/scim/v2/Users/',
    '/feature/scim/v2//Users',
    '/feature/scim//Users',
    '/feature//scim/Users',
    '//feature/scim/v2/Users',
    '/feature/scim/Users?aadOptscim062020',
    '/feature/scim/v2/Users/?count=1&whatever=1',
    '/feature/SCIM/V2/Users',
  ])('is below the base path, in every form that identity providers send: %s', async (path) => {
    const { body } = await get(path).expect(200);
    expect(body.schemas).toEqual(['urn:ietf:params:scim:api:messages:2.0:ListResponse']);
  });

  test.each(['/feature/scim', '/feature/scim/', '/feature/scim/v2', '/feature/scim/v2/'])(
    'itself, %s, is the list of everything with the token, and a 401 without',
    async (path) => {
      const { body } = await get(path)
        .expect(200)
        .expect('content-type', /^application\/scim\+json/);
      expect(body.schemas).toEqual(['urn:ietf:params:scim:api:messages:2.0:ListResponse']);
      await request(origin()).get(path).expect(401);
    },
  );

  test.each(['/scim/Users', '/feature/scimitar/Users', '/other/scim/Users'])('is not %s', async (path) => {
    const answer = await get(path);
    expect(answer.headers['content-type']).not.toMatch(/scim/);
  });

  test('takes writes under the alias and with slashes too many', async () => {
    const { host } = world();
    const send = (method: 'post' | 'patch' | 'delete', path: string): request.Test =>
      request(origin())[method](path).set('Authorization', `Bearer ${host.token}`);
    const { body } = await send('post', '/feature//scim/v2//Users/').send(userBody('slashes')).expect(201);
    await send('patch', `/feature/scim/v2/Users/${body.id}/`)
      .send(patchBody({ op: 'add', path: 'title', value: 'Dr' }))
      .expect(200);
    await send('delete', `//feature/scim//Users/${body.id}`).expect(204);
  });
});

describe('what SCIM says of its addresses', () => {
  test('is absolute, and made of UNLEASH_URL and the base path, whatever address the request came by', async () => {
    const { scim } = world();
    const { body: person, headers } = await scim.post('/v2/Users', userBody('located')).expect(201);
    expect(headers.location).toBe(`${PUBLIC_URL}/feature/scim/Users/${person.id}`);
    expect(person.meta.location).toBe(headers.location);
    const made = await scim.post('/Groups', groupBody('located', [person.id])).expect(201);
    expect(made.headers.location).toBe(`${PUBLIC_URL}/feature/scim/Groups/${made.body.id}`);
    expect(made.body.members[0].$ref).toBe(`${PUBLIC_URL}/feature/scim/Users/${person.id}`);
    expect((await scim.get(`/Users/${person.id}`).expect(200)).body.groups[0].$ref).toBe(made.headers.location);
    const { body: config } = await scim.get('/ServiceProviderConfig').expect(200);
    expect(config.meta.location).toBe(`${PUBLIC_URL}/feature/scim/ServiceProviderConfig`);
  });

  test('has the base path once where UNLEASH_URL ends in it already', async () => {
    for (const [index, unleashUrl] of [`${PUBLIC_URL}/feature`, `${PUBLIC_URL}/feature/`].entries()) {
      const host = await startHost({ database: world().db, baseUriPath: '/feature', hostOptions: { server: { unleashUrl } } });
      try {
        const { headers } = await request(host.scimUrl)
          .post('/Users')
          .set('Authorization', `Bearer ${host.token}`)
          .send(userBody(`ends-in-${index}`))
          .expect(201);
        expect(headers.location).toMatch(/^https:\/\/unleash\.example\.com\/feature\/scim\/Users\//);
      } finally {
        await host.stop();
      }
    }
  });
});
