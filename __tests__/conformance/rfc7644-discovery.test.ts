import { expect, test } from '@jest/globals';
import { withWorld } from '../support/test-world.js';

const LIST = 'urn:ietf:params:scim:api:messages:2.0:ListResponse';
const USER = 'urn:ietf:params:scim:schemas:core:2.0:User';

const world = withWorld();

test('the configuration is one object of its own schema', async () => {
  const { body } = await world().scim.get('/ServiceProviderConfig').expect(200);
  expect(body.schemas).toEqual(['urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig']);
  expect(body.meta).toMatchObject({ resourceType: 'ServiceProviderConfig' });
});

test('schemas and resource types are lists, and each of them has an address', async () => {
  const { scim } = world();
  for (const path of ['/Schemas', '/ResourceTypes']) {
    const { body } = await scim.get(path).expect(200);
    expect(body).toMatchObject({ schemas: [LIST], totalResults: body.Resources.length });
    for (const resource of body.Resources) {
      expect((await scim.get(`${path}/${resource.id}`).expect(200)).body).toEqual(resource);
    }
  }
});

test('a schema is found by its URI in any case', async () => {
  const { body } = await world().scim.get(`/Schemas/${USER.toUpperCase()}`).expect(200);
  expect(body.id).toBe(USER);
});

test('schemas and resource types ignore paging, order and projection', async () => {
  const { scim } = world();
  for (const path of ['/Schemas', '/ResourceTypes']) {
    const plain = await scim.get(path).expect(200);
    const asked = await scim.get(`${path}?count=1&startIndex=2&sortBy=name&sortOrder=descending&attributes=name`).expect(200);
    expect(asked.body).toEqual(plain.body);
  }
});

test('a filter on schemas and resource types is 403', async () => {
  const { scim } = world();
  for (const path of ['/Schemas', '/ResourceTypes']) {
    const { body } = await scim.get(`${path}?filter=name%20eq%20%22User%22`).expect(403);
    expect(body.status).toBe('403');
  }
});

test('what is discovered can only be read', async () => {
  const { scim } = world();
  for (const path of ['/Schemas', '/ResourceTypes', '/ServiceProviderConfig', `/Schemas/${USER}`]) {
    await scim.post(path, {}).expect(405);
    await scim.put(path, {}).expect(405);
    await scim.patch(path, {}).expect(405);
    await scim.delete(path).expect(405);
  }
});
