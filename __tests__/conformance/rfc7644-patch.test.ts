import { describe, expect, test } from '@jest/globals';
import { addMembers, patchBody, provisionGroup, removeMember, shownMembers } from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';
import { subjects } from './patch-subject.js';

const ENTERPRISE = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';

const world = withWorld();
const person = subjects(world);

const WORK = { value: 'w@example.com', type: 'work', primary: true };
const HOME = { value: 'h@example.com', type: 'home' };

describe('add', () => {
  test('sets an attribute that was not there, and replaces a single value', async () => {
    const { patch } = await person();
    expect((await patch({ op: 'add', path: 'title', value: 'a' })).title).toBe('a');
    expect((await patch({ op: 'add', path: 'title', value: 'b' })).title).toBe('b');
  });

  test('without a path takes each attribute of the value', async () => {
    const { patch } = await person({ phoneNumbers: [{ value: '1' }] });
    const body = await patch({
      op: 'add',
      value: { title: 'a', phoneNumbers: [{ value: '2' }], [ENTERPRISE]: { department: 'd' } },
    });
    expect(body).toMatchObject({ title: 'a', phoneNumbers: [{ value: '1' }, { value: '2' }], [ENTERPRISE]: { department: 'd' } });
  });

  test('of sub-attributes leaves those alone that it does not name', async () => {
    const { patch } = await person({ name: { givenName: 'A', familyName: 'B' } });
    expect((await patch({ op: 'add', path: 'name', value: { givenName: 'C' } })).name).toEqual({
      givenName: 'C',
      familyName: 'B',
    });
    expect((await patch({ op: 'add', path: 'name.middleName', value: 'D' })).name).toEqual({
      givenName: 'C',
      familyName: 'B',
      middleName: 'D',
    });
  });

  test('appends to a list, and not what is there already', async () => {
    const { patch } = await person({ phoneNumbers: [{ value: '1', type: 'work' }] });
    const body = await patch({ op: 'add', path: 'phoneNumbers', value: [{ value: '1', type: 'work' }, { value: '2' }] });
    expect(body.phoneNumbers).toEqual([{ value: '1', type: 'work' }, { value: '2' }]);
  });

  test('of what is there changes neither version nor time', async () => {
    const { id, patch } = await person({ title: 'a', ims: [WORK] });
    const before = await world().scim.get(`/Users/${id}`);
    const after = await patch({ op: 'add', path: 'title', value: 'a' }, { op: 'add', path: 'ims', value: [WORK] });
    expect(after.meta).toEqual(before.body.meta);
  });

  test('of a primary value takes primary from the others', async () => {
    const { patch } = await person({ ims: [WORK] });
    const body = await patch({ op: 'add', path: 'ims', value: [{ ...HOME, primary: true }] });
    expect(body.ims).toEqual([
      { ...WORK, primary: false },
      { ...HOME, primary: true },
    ]);
  });

  test('of a member twice adds it once', async () => {
    const { scim } = world();
    const { id } = await person();
    const group = await provisionGroup(world(), 'Added');
    for (const _ of ['once', 'twice']) await scim.patch(`/Groups/${group.id}`, addMembers(id)).expect(204);
    expect(await shownMembers(scim, group.id)).toEqual([id]);
  });
});

describe('remove', () => {
  test('unassigns a single value and a whole list', async () => {
    const { patch } = await person({ title: 'a', ims: [WORK, HOME] });
    const body = await patch({ op: 'remove', path: 'title' }, { op: 'remove', path: 'ims' });
    expect([body.title, body.ims]).toEqual([undefined, undefined]);
  });

  test('takes the values that a filter matches, and the list with the last of them', async () => {
    const { patch } = await person({ ims: [WORK, HOME] });
    expect((await patch({ op: 'remove', path: 'ims[type eq "work"]' })).ims).toEqual([HOME]);
    expect((await patch({ op: 'remove', path: 'ims[value ew "example.com"]' })).ims).toBeUndefined();
  });

  test('takes a sub-attribute of the values that a filter matches', async () => {
    const { patch } = await person({
      phoneNumbers: [
        { value: '1', type: 'work' },
        { value: '2', type: 'home' },
      ],
    });
    expect((await patch({ op: 'remove', path: 'phoneNumbers[value eq "1"].type' })).phoneNumbers).toEqual([
      { value: '1' },
      { value: '2', type: 'home' },
    ]);
  });

  test('by a filter that matches nothing changes nothing', async () => {
    const { id, patch } = await person({ ims: [WORK] });
    const before = await world().scim.get(`/Users/${id}`);
    expect(await patch({ op: 'remove', path: 'ims[type eq "other"]' })).toEqual(before.body);
  });

  test('without a path is noTarget', async () => {
    const { refused } = await person();
    expect(await refused({ op: 'remove' })).toBe('noTarget');
  });

  test('of a required or a read-only attribute is mutability', async () => {
    const { refused } = await person();
    expect([await refused({ op: 'remove', path: 'userName' }), await refused({ op: 'remove', path: 'id' })]).toEqual([
      'mutability',
      'mutability',
    ]);
  });

  test('of members takes one by a filter, and all without one', async () => {
    const { scim } = world();
    const people = [await person(), await person(), await person()];
    const { id } = await provisionGroup(
      world(),
      'Removed',
      people.map((one) => ({ id: one.id, hostId: 0 })),
    );
    await scim.patch(`/Groups/${id}`, removeMember(people[0]?.id ?? '')).expect(204);
    expect(await shownMembers(scim, id)).toEqual(people.slice(1).map((one) => one.id));
    await scim.patch(`/Groups/${id}`, patchBody({ op: 'remove', path: 'members' })).expect(204);
    expect(await shownMembers(scim, id)).toEqual([]);
  });

  test('with a list of members takes these alone', async () => {
    const { scim } = world();
    const people = [await person(), await person()];
    const { id } = await provisionGroup(
      world(),
      'Listed',
      people.map((one) => ({ id: one.id, hostId: 0 })),
    );
    await scim
      .patch(`/Groups/${id}`, patchBody({ op: 'remove', path: 'members', value: [{ value: people[0]?.id }] }))
      .expect(204);
    expect(await shownMembers(scim, id)).toEqual([people[1]?.id]);
  });

  test('of a member by an id that nobody can have changes nothing', async () => {
    const { scim } = world();
    const one = await person();
    const { id } = await provisionGroup(world(), 'Unstorable', [{ id: one.id, hostId: 0 }]);
    for (const value of ['\\u0000', '\\ud800', 'nobody']) {
      await scim.patch(`/Groups/${id}`, patchBody({ op: 'remove', path: `members[value eq "${value}"]` })).expect(204);
    }
    expect(await shownMembers(scim, id)).toEqual([one.id]);
  });
});

describe('replace', () => {
  test('without a path takes each attribute of the value, and leaves the others', async () => {
    const { patch } = await person({ title: 'a', nickName: 'n' });
    expect(await patch({ op: 'replace', value: { title: 'b', name: { givenName: 'G' } } })).toMatchObject({
      title: 'b',
      nickName: 'n',
      name: { givenName: 'G' },
    });
  });

  test('of what is not there adds it', async () => {
    const { patch } = await person();
    expect(
      await patch({ op: 'replace', path: 'title', value: 'a' }, { op: 'replace', path: 'ims', value: [HOME] }),
    ).toMatchObject({ title: 'a', ims: [HOME] });
  });

  test('of a list puts the new one in its place', async () => {
    const { patch } = await person({ ims: [WORK] });
    expect((await patch({ op: 'replace', path: 'ims', value: [HOME] })).ims).toEqual([HOME]);
  });

  test('of a complex attribute leaves sub-attributes that it does not name', async () => {
    const { patch } = await person({ name: { givenName: 'A', familyName: 'B' } });
    expect((await patch({ op: 'replace', path: 'name', value: { givenName: 'C' } })).name).toEqual({
      givenName: 'C',
      familyName: 'B',
    });
  });

  test('reaches every value that a filter matches, and a sub-attribute of them', async () => {
    const phoneNumbers = [
      { value: '1', type: 'work' },
      { value: '2', type: 'work' },
      { value: '3', type: 'home' },
    ];
    const { patch } = await person({ phoneNumbers });
    expect((await patch({ op: 'replace', path: 'phoneNumbers[type eq "work"].display', value: 'x' })).phoneNumbers).toEqual([
      { value: '1', type: 'work', display: 'x' },
      { value: '2', type: 'work', display: 'x' },
      phoneNumbers[2],
    ]);
    expect(
      (await patch({ op: 'replace', path: 'phoneNumbers[type eq "home"]', value: { value: '4', type: 'home' } })).phoneNumbers,
    ).toContainEqual({ value: '4', type: 'home' });
  });

  test('of a value that a filter does not find is noTarget', async () => {
    const { refused } = await person({ ims: [WORK] });
    expect(await refused({ op: 'replace', path: 'ims[type eq "home"]', value: HOME })).toBe('noTarget');
    expect(await refused({ op: 'replace', path: 'ims[type sw "h"].value', value: 'x@example.com' })).toBe('noTarget');
  });

  test('of a sub-attribute of a value that eq does not find makes the value', async () => {
    const { patch } = await person({ ims: [WORK] });
    expect((await patch({ op: 'replace', path: 'ims[type eq "home"].value', value: 'h@example.com' })).ims).toEqual([WORK, HOME]);
  });
});
