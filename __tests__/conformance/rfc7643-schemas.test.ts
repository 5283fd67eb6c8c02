import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { Attribute, Schema } from '../../lib/protocol/schema.js';
import { groupBody, patchBody, provision, provisionGroup, USER_SCHEMA, userBody } from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';

const ENTERPRISE = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
const GROUP_SCHEMA = 'urn:ietf:params:scim:schemas:core:2.0:Group';
const COMMON = ['schemas', 'id', 'externalId', 'meta'];

const world = withWorld();

const schemaOf = async (id: string): Promise<Schema> => (await world().scim.get(`/Schemas/${id}`).expect(200)).body;

const attributesOf = async (): Promise<readonly (readonly [path: string, attribute: Attribute])[]> => {
  const all: [string, Attribute][] = [];
  for (const id of [USER_SCHEMA, ENTERPRISE, GROUP_SCHEMA]) {
    for (const attribute of (await schemaOf(id)).attributes) {
      all.push([`${id}:${attribute.name}`, attribute]);
      for (const sub of attribute.subAttributes ?? []) all.push([`${id}:${attribute.name}.${sub.name}`, sub]);
    }
  }
  return all;
};

describe('the documents', () => {
  test('describe the service provider with every attribute that is required', async () => {
    const { body } = await world().scim.get('/ServiceProviderConfig').expect(200);
    expect(body).toMatchObject({
      schemas: ['urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig'],
      patch: { supported: true },
      bulk: { supported: true, maxOperations: expect.any(Number), maxPayloadSize: expect.any(Number) },
      filter: { supported: true, maxResults: expect.any(Number) },
      changePassword: { supported: false },
      sort: { supported: true },
      etag: { supported: true },
    });
    expect(body.authenticationSchemes).toEqual([
      {
        type: 'oauthbearertoken',
        name: expect.any(String),
        description: expect.any(String),
        specUri: expect.stringMatching(/^https:/),
        primary: true,
      },
    ]);
  });

  test('tell a stranger nothing, not even how to authenticate but by WWW-Authenticate', async () => {
    const answer = await world().scim.get('/ServiceProviderConfig').set('Authorization', '').expect(401);
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
    expect(answer.body).not.toHaveProperty('authenticationSchemes');
  });

  test('describe both resource types by endpoint, schema and extensions that exist', async () => {
    const { scim } = world();
    const { body } = await scim.get('/ResourceTypes').expect(200);
    expect(body.Resources.map(({ name, endpoint, schema }: Record<string, unknown>) => [name, endpoint, schema])).toEqual([
      ['User', '/Users', USER_SCHEMA],
      ['Group', '/Groups', GROUP_SCHEMA],
    ]);
    for (const type of body.Resources) {
      expect(type.schemas).toEqual(['urn:ietf:params:scim:schemas:core:2.0:ResourceType']);
      expect([typeof type.id, typeof type.description]).toEqual(['string', 'string']);
      await scim.get(type.endpoint).expect(200);
      for (const extension of type.schemaExtensions) {
        expect(extension.required).toBe(false);
        await schemaOf(extension.schema);
      }
      expect((await schemaOf(type.schema)).id).toBe(type.schema);
    }
  });

  test('describe each attribute by every characteristic that RFC 7643 7 has', async () => {
    for (const [path, attribute] of await attributesOf()) {
      expect({ path, ...attribute }).toMatchObject({
        path,
        name: expect.stringMatching(/^(\$ref|[A-Za-z][A-Za-z0-9_-]*)$/),
        type: expect.stringMatching(/^(string|boolean|decimal|integer|dateTime|binary|reference|complex)$/),
        multiValued: expect.any(Boolean),
        description: expect.stringMatching(/\S/),
        required: expect.any(Boolean),
        caseExact: expect.any(Boolean),
        mutability: expect.stringMatching(/^(readOnly|readWrite|immutable|writeOnly)$/),
        returned: expect.stringMatching(/^(always|never|default|request)$/),
        uniqueness: expect.stringMatching(/^(none|server|global)$/),
      });
      if (attribute.type === 'reference') expect(attribute.referenceTypes?.length).toBeGreaterThan(0);
      expect(attribute.type === 'complex').toBe(attribute.subAttributes !== undefined);
    }
  });

  test('nest no complex attribute in a complex one', async () => {
    const nested = (await attributesOf()).filter(
      ([path, { type }]) => path.split(':').at(-1)?.includes('.') && type === 'complex',
    );
    expect(nested).toEqual([]);
  });

  test('describe the schemas by name, description and id, and no message', async () => {
    const { body } = await world().scim.get('/Schemas').expect(200);
    expect(body.Resources.map(({ id, name }: Record<string, unknown>) => [id, name])).toEqual([
      [USER_SCHEMA, 'User'],
      [ENTERPRISE, 'EnterpriseUser'],
      [GROUP_SCHEMA, 'Group'],
    ]);
    for (const schema of body.Resources) {
      expect(schema).toMatchObject({
        schemas: ['urn:ietf:params:scim:schemas:core:2.0:Schema'],
        description: expect.any(String),
        meta: { resourceType: 'Schema', location: expect.stringContaining(`/Schemas/${schema.id}`) },
      });
    }
  });

  test('are named in the OpenAPI document, every top-level attribute that a client may send', async () => {
    const text = readFileSync(join(process.cwd(), 'openapi', 'scim.yaml'), 'utf8');
    const schemas = text.slice(text.indexOf('\n  schemas:\n'));
    const section = (name: string): string => new RegExp(`\\n    ${name}:\\n(?:      .*\\n)+`).exec(schemas)?.[0] ?? '';
    const keys = (name: string): readonly string[] =>
      [...section(name).matchAll(/^ {8}([\w.:$-]+): /gm)].map(([, key]) => key ?? '');
    const sendable = (schema: Schema): readonly string[] =>
      schema.attributes
        .filter(({ mutability, returned }) => mutability !== 'readOnly' && returned !== 'never')
        .map(({ name }) => name);
    const [user, group] = [await schemaOf(USER_SCHEMA), await schemaOf(GROUP_SCHEMA)];
    expect([...keys('User')].sort()).toEqual(['schemas', 'externalId', ...sendable(user), ENTERPRISE].sort());
    expect([...keys('Group')].sort()).toEqual(['schemas', 'externalId', ...sendable(group)].sort());
  });
});

/** A value of the attribute's type. */
const sample = (attribute: Attribute): unknown => {
  const one = (): unknown => {
    switch (attribute.type) {
      case 'boolean':
        return true;
      case 'decimal':
      case 'integer':
        return 1;
      case 'dateTime':
        return '2026-01-01T00:00:00Z';
      case 'binary':
        return 'TUlJRA==';
      case 'string':
      case 'reference':
        return `Sample of ${attribute.name}`;
      case 'complex':
        return Object.fromEntries((attribute.subAttributes ?? []).map((sub) => [sub.name, sample(sub)]));
    }
  };
  return attribute.multiValued ? [one()] : one();
};

const isWritten = ({ mutability }: Attribute): boolean => mutability === 'readWrite';

const samples = (schema: Schema): Record<string, unknown> =>
  Object.fromEntries(schema.attributes.filter(isWritten).map((attribute) => [attribute.name, sample(attribute)]));

describe('what is advertised is enforced:', () => {
  test('every readWrite attribute of a person is kept as it was sent', async () => {
    const { scim } = world();
    const sent = { ...samples(await schemaOf(USER_SCHEMA)), [ENTERPRISE]: samples(await schemaOf(ENTERPRISE)) };
    const created = await scim.post('/Users', sent).expect(201);
    expect((await scim.get(`/Users/${created.body.id}`)).body).toMatchObject(sent);
  });

  test('required', async () => {
    const { scim } = world();
    const required = (await attributesOf()).filter(([, attribute]) => attribute.required).map(([path]) => path);
    expect(required).toEqual([`${USER_SCHEMA}:userName`, `${GROUP_SCHEMA}:displayName`]);
    const person = await provision(world(), 'required@example.com');
    const group = await provisionGroup(world(), 'Required');
    for (const [path, name] of [
      [`/Users/${person.id}`, 'userName'],
      [`/Groups/${group.id}`, 'displayName'],
    ] as const) {
      expect((await scim.put(path, {}).expect(400)).body.scimType).toBe('invalidValue');
      expect((await scim.patch(path, patchBody({ op: 'remove', path: name })).expect(400)).body.scimType).toBe('mutability');
    }
  });

  test('mutability readOnly', async () => {
    const { scim } = world();
    const person = await provision(world(), 'read-only@example.com');
    const paths = (await attributesOf()).filter(
      ([path, { mutability }]) => mutability === 'readOnly' && path.startsWith(USER_SCHEMA),
    );
    expect(paths.map(([path]) => path.slice(USER_SCHEMA.length + 1))).toEqual([
      'groups',
      'groups.value',
      'groups.$ref',
      'groups.display',
      'groups.type',
    ]);
    for (const path of ['id', 'meta', 'meta.version', ...paths.map(([path]) => path)]) {
      const { body } = await scim.patch(`/Users/${person.id}`, patchBody({ op: 'replace', path, value: 'x' })).expect(400);
      expect([path, body.scimType]).toEqual([path, 'mutability']);
    }
  });

  test('mutability immutable', async () => {
    const { scim } = world();
    const [one, two] = [await provision(world(), 'fixed-1@example.com'), await provision(world(), 'fixed-2@example.com')];
    const group = await provisionGroup(world(), 'Immutable', [one]);
    const immutable = (await attributesOf()).filter(([, { mutability }]) => mutability === 'immutable').map(([path]) => path);
    expect(immutable).toEqual(['value', '$ref', 'type'].map((name) => `${GROUP_SCHEMA}:members.${name}`));
    for (const name of ['value', '$ref', 'type']) {
      const change = patchBody({ op: 'replace', path: `members[value eq "${one.id}"].${name}`, value: two.id });
      expect((await scim.patch(`/Groups/${group.id}`, change).expect(400)).body.scimType).toBe('mutability');
    }
  });

  test('mutability writeOnly and returned never', async () => {
    const { scim } = world();
    const never = (await attributesOf()).filter(
      ([, { returned, mutability }]) => returned === 'never' || mutability === 'writeOnly',
    );
    expect(never.map(([path]) => path)).toEqual([`${USER_SCHEMA}:password`]);
    const created = await scim.post('/Users?attributes=password', userBody('never@example.com', { password: 'x' })).expect(201);
    expect(Object.keys(created.body).sort()).toEqual(['id', 'schemas']);
    expect((await scim.get('/Users?filter=password%20pr').expect(400)).body.scimType).toBe('invalidFilter');
  });

  test('returned always', async () => {
    const { scim } = world();
    const { id } = await provision(world(), 'always');
    const { body } = await scim.get(`/Users/${id}?excludedAttributes=id,schemas,userName,meta`).expect(200);
    expect(Object.keys(body).sort()).toEqual(['active', 'groups', 'id', 'schemas']);
  });

  test('uniqueness server', async () => {
    const { scim } = world();
    const unique = (await attributesOf()).filter(([, { uniqueness }]) => uniqueness !== 'none').map(([path]) => path);
    expect(unique).toEqual([`${USER_SCHEMA}:userName`, `${GROUP_SCHEMA}:displayName`]);
    await provision(world(), 'Twice@example.com');
    await provisionGroup(world(), 'Twice');
    expect((await scim.post('/Users', userBody('tWICE@example.com')).expect(409)).body.scimType).toBe('uniqueness');
    expect((await scim.post('/Groups', groupBody('tWICE')).expect(409)).body.scimType).toBe('uniqueness');
  });

  test('caseExact', async () => {
    const { scim } = world();
    const sent = {
      ...samples(await schemaOf(USER_SCHEMA)),
      userName: 'exact@example.com',
      emails: [{ value: 'Exact@example.com' }],
      externalId: 'Exact-1',
    };
    const { id } = await provision(world(), 'exact@example.com', sent);
    const simple = (await attributesOf()).filter(
      ([path, { type }]) =>
        path.startsWith(USER_SCHEMA) &&
        ['string', 'reference', 'binary'].includes(type) &&
        !path.includes('groups') &&
        !path.includes('password'),
    );
    const { body } = await scim.get(`/Users/${id}`);
    for (const [path, attribute] of simple) {
      const [name = '', sub] = path.slice(USER_SCHEMA.length + 1).split('.');
      const owner = Array.isArray(body[name]) ? body[name][0] : body[name];
      const value = String(sub === undefined ? owner : (owner?.[sub] ?? ''));
      if (value === '' || value === 'undefined') continue;
      const filter = `id eq "${id}" and ${name}${sub === undefined ? '' : `.${sub}`} eq ${JSON.stringify(value.toUpperCase() === value ? value.toLowerCase() : value.toUpperCase())}`;
      const { totalResults } = (await scim.get(`/Users?filter=${encodeURIComponent(filter)}`).expect(200)).body;
      expect([path, totalResults]).toEqual([path, attribute.caseExact ? 0 : 1]);
    }
  });

  test('the common attributes are those of RFC 7643 3.1', async () => {
    const { scim } = world();
    const { id } = await provision(world(), 'common@example.com', { externalId: 'common-1' });
    for (const name of COMMON) {
      const { body } = await scim.get(`/Users/${id}?attributes=${name}`).expect(200);
      expect(body).toHaveProperty(name);
      expect((await scim.get(`/Users?filter=${name}%20pr`).expect(200)).body.totalResults).toBeGreaterThan(0);
    }
  });
});
