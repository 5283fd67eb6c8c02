import { describe, expect, test } from '@jest/globals';
import { type Operation, patchBody, provisionGroup, shownMembers } from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';
import { subjects } from './patch-subject.js';

const USER = 'urn:ietf:params:scim:schemas:core:2.0:User';
const ENTERPRISE = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';

const world = withWorld();
const person = subjects(world);

describe('a PATCH', () => {
  test('reads paths in any case, with and without the URN', async () => {
    const { patch } = await person();
    const body = await patch(
      { op: 'replace', path: 'NAME.givenname', value: 'A' },
      { op: 'replace', path: `${USER}:title`, value: 'B' },
      { op: 'add', path: `${ENTERPRISE}:department`, value: 'C' },
      { op: 'add', path: `${ENTERPRISE.toUpperCase()}:Division`, value: 'D' },
    );
    expect(body).toMatchObject({ name: { givenName: 'A' }, title: 'B', [ENTERPRISE]: { department: 'C', division: 'D' } });
  });

  test('adds an extension to schemas with its first attribute, and takes it off with its last', async () => {
    const { patch } = await person();
    expect((await patch({ op: 'add', path: `${ENTERPRISE}:department`, value: 'C' })).schemas).toEqual([USER, ENTERPRISE]);
    expect((await patch({ op: 'remove', path: `${ENTERPRISE}:department` })).schemas).toEqual([USER]);
  });

  test('applies its operations in their order', async () => {
    const { patch } = await person();
    const body = await patch(
      { op: 'add', path: 'title', value: 'a' },
      { op: 'remove', path: 'title' },
      { op: 'add', path: 'nickName', value: 'n' },
    );
    expect([body.title, body.nickName]).toEqual([undefined, 'n']);
  });

  test('is atomic: one operation that fails leaves everything as it was', async () => {
    const { scim } = world();
    const { id, refused } = await person({ title: 'a' });
    const before = await scim.get(`/Users/${id}`);
    expect(await refused({ op: 'replace', path: 'title', value: 'b' }, { op: 'replace', path: 'id', value: 'x' })).toBe(
      'mutability',
    );
    expect((await scim.get(`/Users/${id}`)).body).toEqual(before.body);
    const group = await provisionGroup(world(), 'Atomic');
    const add = (value: string): Operation => ({ op: 'add', path: 'members', value: [{ value }] });
    await scim.patch(`/Groups/${group.id}`, patchBody(add(id), add('nobody'))).expect(400);
    expect(await shownMembers(scim, group.id)).toEqual([]);
  });

  test('of a person answers 200 with the whole person', async () => {
    const { scim } = world();
    const { id } = await person();
    const { body, headers } = await scim.patch(`/Users/${id}`, patchBody({ op: 'add', path: 'title', value: 'a' })).expect(200);
    expect([body, headers.etag]).toEqual([(await scim.get(`/Users/${id}`)).body, body.meta.version]);
  });

  test('of a group answers 204, and 200 where attributes are asked for', async () => {
    const { scim } = world();
    const { id } = await provisionGroup(world(), 'Quiet');
    const change = patchBody({ op: 'replace', path: 'displayName', value: 'Loud' });
    expect((await scim.patch(`/Groups/${id}`, change).expect(204)).text).toBe('');
    expect((await scim.patch(`/Groups/${id}?attributes=displayName`, change).expect(200)).body).toEqual({
      schemas: expect.any(Array),
      id,
      displayName: 'Loud',
    });
  });

  test('of what is read-only or of the wrong type is refused', async () => {
    const { refused } = await person();
    expect(await refused({ op: 'replace', path: 'meta.created', value: '2001-01-01T00:00:00Z' })).toBe('mutability');
    expect(await refused({ op: 'add', path: 'groups', value: [{ value: 'x' }] })).toBe('mutability');
    expect(await refused({ op: 'add', path: 'title', value: 5 })).toBe('invalidValue');
  });

  test('to a path that names nothing is invalidPath', async () => {
    const { refused } = await person();
    expect([
      await refused({ op: 'add', path: 'shoeSize', value: 5 }),
      await refused({ op: 'add', path: '///', value: 5 }),
    ]).toEqual(Array(2).fill('invalidPath'));
  });

  test('without operations, or with an unknown one, is invalidSyntax', async () => {
    const { scim } = world();
    const { id } = await person();
    for (const body of [{}, { Operations: [] }, { Operations: [{ op: 'move', path: 'title', value: 'x' }] }]) {
      expect((await scim.patch(`/Users/${id}`, body).expect(400)).body.scimType).toBe('invalidSyntax');
    }
  });

  test('is read without schemas too', async () => {
    const { scim } = world();
    const { id } = await person();
    await scim.patch(`/Users/${id}`, { Operations: [{ op: 'add', path: 'title', value: 'x' }] }).expect(200);
  });
});
