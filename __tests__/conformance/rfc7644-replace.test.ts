import { describe, expect, test } from '@jest/globals';
import { groupBody, patchBody, provision, provisionGroup, shownMembers, userBody } from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';

const ENTERPRISE = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
const NOBODY = '2819c223-7f76-453a-919d-413861904646';

const world = withWorld();

describe('a PUT', () => {
  test('replaces what was there and answers 200 with the whole', async () => {
    const { scim } = world();
    const { id } = await provision(world(), 'put@example.com', {
      title: 'old',
      nickName: 'old',
      [ENTERPRISE]: { department: 'old' },
    });
    const { body, headers } = await scim.put(`/Users/${id}`, userBody('put@example.com', { title: 'new' })).expect(200);
    expect(body).toMatchObject({ id, userName: 'put@example.com', title: 'new' });
    expect(headers.etag).toBe(body.meta.version);
    expect((await scim.get(`/Users/${id}`)).body).toEqual(body);
  });

  test('clears what it leaves out', async () => {
    const { scim } = world();
    const { id } = await provision(world(), 'clear@example.com', {
      title: 'x',
      emails: [{ value: 'x@example.com' }],
      [ENTERPRISE]: { department: 'x' },
    });
    const { body } = await scim.put(`/Users/${id}`, userBody('clear@example.com')).expect(200);
    expect([body.title, body[ENTERPRISE]]).toEqual([undefined, undefined]);
    expect(JSON.stringify(body.emails ?? [])).not.toContain('x@example.com');
  });

  test('clears by null and by an empty list', async () => {
    const { scim } = world();
    const { id } = await provision(world(), 'nulls@example.com', { title: 'x', phoneNumbers: [{ value: '1' }] });
    const { body } = await scim.put(`/Users/${id}`, userBody('nulls@example.com', { title: null, phoneNumbers: [] })).expect(200);
    expect([body.title, body.phoneNumbers]).toEqual([undefined, undefined]);
  });

  test('that says nothing of active suspends and revives nobody', async () => {
    const { scim } = world();
    const { id } = await provision(world(), 'silent@example.com');
    await scim.put(`/Users/${id}`, userBody('silent@example.com', { active: false })).expect(200);
    const { body } = await scim.put(`/Users/${id}`, userBody('silent@example.com')).expect(200);
    expect(body.active).toBe(false);
  });

  test('of a group states its members, unless it leaves out the key', async () => {
    const { scim } = world();
    const [one, two] = [await provision(world(), 'm1@example.com'), await provision(world(), 'm2@example.com')];
    const { id } = await provisionGroup(world(), 'Stated', [one]);
    await scim.put(`/Groups/${id}`, groupBody('Stated', [two.id])).expect(200);
    expect(await shownMembers(scim, id)).toEqual([two.id]);
    await scim.put(`/Groups/${id}`, groupBody('Stated again')).expect(200);
    expect(await shownMembers(scim, id)).toEqual([two.id]);
    await scim.put(`/Groups/${id}`, groupBody('Stated again', [])).expect(200);
    expect(await shownMembers(scim, id)).toEqual([]);
  });

  test('ignores what is read-only', async () => {
    const { scim } = world();
    const { id } = await provision(world(), 'ro@example.com');
    const sent = { ...userBody('ro@example.com'), id: 'x', groups: [{ value: 'x' }], meta: { created: '2001-01-01T00:00:00Z' } };
    const { body } = await scim.put(`/Users/${id}`, sent).expect(200);
    expect([body.id, body.groups ?? [], body.meta.created.startsWith('2001')]).toEqual([id, [], false]);
  });

  test('takes the whole resource as it was read, and changes nothing by it', async () => {
    const { scim } = world();
    const person = await provision(world(), 'whole@example.com', {
      title: 'x',
      emails: [{ value: 'w@example.com', primary: true }],
    });
    const group = await provisionGroup(world(), 'Whole', [person]);
    for (const path of [`/Users/${person.id}`, `/Groups/${group.id}`]) {
      const before = await scim.get(path).expect(200);
      const after = await scim.put(path, before.body).expect(200);
      expect(after.body).toEqual(before.body);
    }
  });

  test('creates nothing', async () => {
    const { scim } = world();
    await scim.put(`/Users/${NOBODY}`, userBody('new-by-put@example.com')).expect(404);
    await scim.put(`/Groups/${NOBODY}`, groupBody('New by put')).expect(404);
    expect((await scim.get('/Users?filter=userName%20sw%20%22new-by-put%22')).body.totalResults).toBe(0);
  });

  test('wants every attribute that is required', async () => {
    const { scim } = world();
    const { id } = await provision(world(), 'wanted@example.com');
    expect((await scim.put(`/Users/${id}`, { title: 'x' }).expect(400)).body.scimType).toBe('invalidValue');
  });

  test('onto a name that is taken is 409 uniqueness', async () => {
    const { scim } = world();
    const { id } = await provision(world(), 'mine@example.com');
    await provision(world(), 'taken@example.com');
    expect((await scim.put(`/Users/${id}`, userBody('Taken@example.com')).expect(409)).body.scimType).toBe('uniqueness');
  });
});

describe('a DELETE', () => {
  test('answers 204 without a body, and 404 from then on to everything', async () => {
    const { scim } = world();
    const person = await provision(world(), 'gone@example.com');
    const group = await provisionGroup(world(), 'Gone');
    for (const [path, body] of [
      [`/Users/${person.id}`, userBody('gone@example.com')],
      [`/Groups/${group.id}`, groupBody('Gone')],
    ] as const) {
      expect((await scim.delete(path).expect(204)).text).toBe('');
      await scim.get(path).expect(404);
      await scim.put(path, body).expect(404);
      await scim.patch(path, patchBody({ op: 'replace', path: 'externalId', value: 'x' })).expect(404);
      await scim.delete(path).expect(404);
    }
  });

  test('takes the resource out of every query and every group', async () => {
    const { scim } = world();
    const person = await provision(world(), 'listed@example.com');
    const group = await provisionGroup(world(), 'Listed', [person]);
    await scim.delete(`/Users/${person.id}`).expect(204);
    const found = await scim.get(`/?filter=${encodeURIComponent(`id eq "${person.id}"`)}`).expect(200);
    expect([found.body.totalResults, await shownMembers(scim, group.id)]).toEqual([0, []]);
  });

  test('frees the names', async () => {
    const { scim } = world();
    const first = await provision(world(), 'free@example.com', { externalId: 'free-1' });
    await scim.delete(`/Users/${first.id}`).expect(204);
    const again = await provision(world(), 'free@example.com', { externalId: 'free-1' });
    expect(again.id).not.toBe(first.id);
    const group = await provisionGroup(world(), 'Free');
    await scim.delete(`/Groups/${group.id}`).expect(204);
    await provisionGroup(world(), 'Free');
  });

  test('of a suspended person is a delete as well', async () => {
    const { scim } = world();
    const { id } = await provision(world(), 'asleep@example.com');
    await scim.patch(`/Users/${id}`, patchBody({ op: 'replace', path: 'active', value: false })).expect(200);
    await scim.delete(`/Users/${id}`).expect(204);
    await scim.get(`/Users/${id}`).expect(404);
  });
});
