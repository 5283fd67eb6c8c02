import { expect, test } from '@jest/globals';
import { createLocalUser } from '../support/clients.js';
import { GROUP_SCHEMA, groupBody, patchBody, provision, provisionGroup, USER_SCHEMA, userBody } from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';

const ENTERPRISE = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
const DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

const world = withWorld();

test('takes attribute names in any case and answers in the spelling of the schema', async () => {
  const body = {
    schemas: [USER_SCHEMA],
    USERNAME: 'case@example.com',
    NAME: { GIVENname: 'Ada' },
    Emails: [{ VALUE: 'c@example.com' }],
  };
  const answer = await world().scim.post('/Users', body).expect(201);
  expect(answer.body).toMatchObject({
    userName: 'case@example.com',
    name: { givenName: 'Ada' },
    emails: [{ value: 'c@example.com' }],
  });
});

test('names the schemas that a resource uses, base schema first and none twice', async () => {
  const { scim } = world();
  const plain = await scim.post('/Users', userBody('plain@example.com')).expect(201);
  const extended = await scim.post('/Users', userBody('extended@example.com', { [ENTERPRISE]: { department: 'x' } })).expect(201);
  const group = await scim.post('/Groups', groupBody('Schemas')).expect(201);
  expect([plain.body.schemas, extended.body.schemas, group.body.schemas]).toEqual([
    [USER_SCHEMA],
    [USER_SCHEMA, ENTERPRISE],
    [GROUP_SCHEMA],
  ]);
});

test('reads a body whose schemas stand in another order, twice, or are unknown here', async () => {
  const schemas = ['urn:example:unknown:2.0:User', ENTERPRISE, USER_SCHEMA, USER_SCHEMA];
  const { body } = await world()
    .scim.post('/Users', { ...userBody('order@example.com', { [ENTERPRISE]: { division: 'd' } }), schemas })
    .expect(201);
  expect(body.schemas).toEqual([USER_SCHEMA, ENTERPRISE]);
});

test('keeps what an extension holds under its URN', async () => {
  const { scim } = world();
  const { id } = await provision(world(), 'urn@example.com', { [ENTERPRISE]: { department: 'Engines', employeeNumber: '7' } });
  const { body } = await scim.get(`/Users/${id}`).expect(200);
  expect(body[ENTERPRISE]).toEqual({ department: 'Engines', employeeNumber: '7' });
  expect(body).not.toHaveProperty('department');
});

test('gives each resource an id of its own that stays, and takes none from a client', async () => {
  const { scim } = world();
  const first = await scim.post('/Users', { ...userBody('id-1@example.com'), id: 'mine' }).expect(201);
  const second = await scim.post('/Groups', { ...groupBody('Ids'), id: 'mine' }).expect(201);
  expect(new Set([first.body.id, second.body.id, 'mine']).size).toBe(3);
  await scim.put(`/Users/${first.body.id}`, { ...userBody('id-2@example.com'), id: 'mine' }).expect(200);
  const { body } = await scim.get(`/Users/${first.body.id}`).expect(200);
  expect([body.id, body.userName]).toEqual([first.body.id, 'id-2@example.com']);
  expect(body.id).not.toContain('bulkId');
});

test('keeps an externalId exactly as the client gave it, and invents none', async () => {
  const { scim } = world();
  const { id } = await provision(world(), 'ext@example.com', { externalId: 'Ext-ÄÖ-1' });
  const other = await provision(world(), 'noext@example.com');
  expect((await scim.get(`/Users/${id}`)).body.externalId).toBe('Ext-ÄÖ-1');
  expect((await scim.get(`/Users/${other.id}`)).body).not.toHaveProperty('externalId');
  const hits = async (value: string): Promise<number> =>
    (await scim.get(`/Users?filter=${encodeURIComponent(`externalId eq "${value}"`)}`)).body.totalResults;
  expect([await hits('Ext-ÄÖ-1'), await hits('ext-äö-1')]).toEqual([1, 0]);
});

test('states meta itself and ignores what a client says of it', async () => {
  const { scim, host } = world();
  const meta = { resourceType: 'Robot', created: '2001-01-01T00:00:00Z', location: 'https://example.com/x', version: 'W/"x"' };
  const { body, headers } = await scim.post('/Users', { ...userBody('meta@example.com'), meta }).expect(201);
  expect(body.meta).toEqual({
    resourceType: 'User',
    created: expect.stringMatching(DATE_TIME),
    lastModified: body.meta.created,
    location: `${host.scimUrl}/Users/${body.id}`,
    version: headers.etag,
  });
  expect(Date.parse(body.meta.created)).toBeGreaterThan(Date.parse('2020-01-01T00:00:00Z'));
});

test('moves lastModified and the version with a change, and leaves created', async () => {
  const { scim } = world();
  const before = await scim.post('/Users', userBody('moved@example.com')).expect(201);
  const after = await scim.put(`/Users/${before.body.id}`, userBody('moved@example.com', { title: 'Countess' })).expect(200);
  expect(after.body.meta.created).toBe(before.body.meta.created);
  expect(Date.parse(after.body.meta.lastModified)).toBeGreaterThan(Date.parse(before.body.meta.created));
  expect(after.body.meta.version).not.toBe(before.body.meta.version);
});

test('marks versions as weak', async () => {
  const { body, headers } = await world().scim.post('/Groups', groupBody('Weak')).expect(201);
  expect([body.meta.version, headers.etag]).toEqual([expect.stringMatching(/^W\/"[^"]+"$/), body.meta.version]);
});

test('reads null, an empty list and nothing as the same', async () => {
  const { scim } = world();
  const bodies = [{}, { title: null, emails: null, name: null }, { title: '', emails: [], name: {}, [ENTERPRISE]: {} }];
  const shown = [];
  for (const [index, more] of bodies.entries()) {
    const { id } = await provision(world(), `null-${index}@example.com`, more);
    const { body } = await scim.get(`/Users/${id}`).expect(200);
    shown.push(Object.keys(body).sort());
  }
  expect(shown[1]).toEqual(shown[0]);
  expect(shown[2]).toEqual(shown[0]);
  expect(shown[0]).not.toContain('title');
});

test('keeps a string of any Unicode characters', async () => {
  const title = 'Gräfin 🦉 עדה \u0001 "quoted" \\ \n';
  const { id } = await provision(world(), 'unicode@example.com', { title });
  expect((await world().scim.get(`/Users/${id}`)).body.title).toBe(title);
});

test('answers with booleans as booleans', async () => {
  const { body } = await world().scim.post(
    '/Users',
    userBody('bool@example.com', { active: true, emails: [{ value: 'b@example.com', primary: true }] }),
  );
  expect([body.active, body.emails[0].primary]).toEqual([true, true]);
});

test('does not mind the order of sub-attributes', async () => {
  const { scim } = world();
  const { id } = await provision(world(), 'subs@example.com', { name: { givenName: 'A', familyName: 'B' } });
  const before = await scim.get(`/Users/${id}`);
  const after = await scim
    .put(`/Users/${id}`, userBody('subs@example.com', { name: { familyName: 'B', givenName: 'A' } }))
    .expect(200);
  expect(after.body.meta.version).toBe(before.body.meta.version);
});

test('keeps one primary value at most, and no value twice', async () => {
  const emails = [
    { value: 'p1@example.com', type: 'work', primary: true },
    { value: 'p2@example.com', type: 'home', primary: true },
    { value: 'p2@example.com', type: 'home', primary: true },
    { value: 'p2@example.com', type: 'other' },
  ];
  const { id } = await provision(world(), 'primary@example.com', { emails });
  const { body } = await world().scim.get(`/Users/${id}`);
  expect(body.emails).toEqual([emails[0], { value: 'p2@example.com', type: 'home', primary: false }, emails[3]]);
});

test('takes an address with line breaks, a language with an underscore, types of its own and any e-mail', async () => {
  const more = {
    addresses: [{ formatted: '1 Road\nTown', streetAddress: '1\nRoad', type: 'summer house', country: 'GB' }],
    preferredLanguage: 'en_GB',
    phoneNumbers: [{ value: 'tel:+1-201-555-0123', type: 'satellite' }],
    ims: [{ value: 'ada', type: 'matrix' }],
    nickName: 'Ada',
    displayName: 'Ada Lovelace',
    name: { formatted: 'Ada Lovelace', givenName: 'Ada' },
    emails: [{ value: 'Ada@EXAMPLE.com', type: 'secret' }],
  };
  const { id } = await provision(world(), 'free@example.com', more);
  expect((await world().scim.get(`/Users/${id}`)).body).toMatchObject(more);
});

test('keeps certificates as the base64 that was sent', async () => {
  const x509Certificates = [{ value: 'TUlJRA==', display: 'one' }];
  const { id } = await provision(world(), 'cert@example.com', { x509Certificates });
  expect((await world().scim.get(`/Users/${id}`)).body.x509Certificates).toEqual(x509Certificates);
});

test('neither returns nor stores a password', async () => {
  const { scim, db } = world();
  const created = await scim.post('/Users', userBody('pw@example.com', { password: 'tOp-SeCrEt-1' })).expect(201);
  const patched = await scim
    .patch(`/Users/${created.body.id}`, patchBody({ op: 'replace', path: 'password', value: 'tOp-SeCrEt-2' }))
    .expect(200);
  const read = await scim.get(`/Users/${created.body.id}?attributes=password,userName`).expect(200);
  expect(`${created.text}${patched.text}${read.text}`).not.toMatch(/password|tOp-SeCrEt/i);
  const [row] = await db.query(
    `SELECT (SELECT string_agg(u::text, '') FROM users u) || (SELECT string_agg(s::text, '') FROM scim_users s) || (SELECT string_agg(e::text, '') FROM events e) AS all`,
  );
  expect(String(row?.all)).not.toContain('tOp-SeCrEt');
});

test('shows a person the groups that it shows the person in, with their ids and addresses', async () => {
  const { scim, host } = world();
  const person = await provision(world(), 'grouped@example.com');
  const group = await provisionGroup(world(), 'Direct', [person]);
  const { body } = await scim.get(`/Users/${person.id}`).expect(200);
  expect(body.groups).toEqual([
    { value: group.id, display: 'Direct', type: 'direct', $ref: `${host.scimUrl}/Groups/${group.id}` },
  ]);
  await scim.get(new URL(body.groups[0].$ref).pathname.replace(/^\/scim/, '')).expect(200);
});

test('changes no membership through a person', async () => {
  const { scim } = world();
  const person = await provision(world(), 'outside@example.com');
  const group = await provisionGroup(world(), 'Closed', []);
  await scim.put(`/Users/${person.id}`, userBody('outside@example.com', { groups: [{ value: group.id }] })).expect(200);
  const refused = await scim
    .patch(`/Users/${person.id}`, patchBody({ op: 'add', path: 'groups', value: [{ value: group.id }] }))
    .expect(400);
  expect(refused.body.scimType).toBe('mutability');
  expect((await scim.get(`/Groups/${group.id}`)).body.members ?? []).toEqual([]);
});

test('shows members by the id and the address of a person', async () => {
  const { scim, host } = world();
  const person = await provision(world(), 'member@example.com', { displayName: 'Mem Ber' });
  const group = await provisionGroup(world(), 'Shown', [person]);
  const { body } = await scim.get(`/Groups/${group.id}`).expect(200);
  expect(body.members).toEqual([
    { value: person.id, $ref: `${host.scimUrl}/Users/${person.id}`, type: 'User', display: 'Mem Ber' },
  ]);
});

test('refuses a group as a member', async () => {
  const { scim } = world();
  const inner = await provisionGroup(world(), 'Inner');
  const { body } = await scim
    .post('/Groups', { ...groupBody('Outer'), members: [{ value: inner.id, type: 'Group' }] })
    .expect(400);
  expect(body.scimType).toBe('invalidValue');
});

test('keeps a manager by id and name, though no such person need be there', async () => {
  const manager = { value: 'somebody', displayName: 'Some Body' };
  const { id } = await provision(world(), 'managed@example.com', { [ENTERPRISE]: { manager } });
  expect((await world().scim.get(`/Users/${id}`)).body[ENTERPRISE].manager).toMatchObject(manager);
});

test('wants a userName that no other person has in any case', async () => {
  const { scim, admin } = world();
  await provision(world(), 'Unique@example.com');
  const taken = await scim.post('/Users', userBody('uNIQUE@EXAMPLE.com')).expect(409);
  expect(taken.body.scimType).toBe('uniqueness');
  const missing = await scim.post('/Users', { schemas: [USER_SCHEMA] }).expect(400);
  expect(missing.body.scimType).toBe('invalidValue');
  const local = await createLocalUser(admin, { username: 'local-one' });
  await provision(world(), 'somebody-else');
  expect(local.username).toBe('local-one');
});

test('gives the same resource under both versions of an address', async () => {
  const { scim } = world();
  const { id } = await provision(world(), 'versions@example.com');
  const [plain, versioned] = [await scim.get(`/Users/${id}`).expect(200), await scim.get(`/v2/Users/${id}`).expect(200)];
  expect(versioned.body).toEqual(plain.body);
});
