import { afterEach, describe, expect, test } from '@jest/globals';
import { createLocalUser } from '../support/clients.js';
import {
  EDITOR_ROLE,
  endOfLog,
  groupBody,
  hostMembers,
  hostUser,
  type Provisioned,
  patchBody,
  provision,
  provisionGroup,
  removeMember,
  rolesOf,
  setActive,
  typesSince,
  userBody,
  VIEWER_ROLE,
} from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';

const world = withWorld();

const switchScim = (enabled: boolean): Promise<unknown> =>
  world().admin.post('/api/admin/scim-settings').send({ enabled }).expect(200).then();
afterEach(() => switchScim(true));

/** What an administrator may do to a managed person while SCIM is switched off. */
const editInPages = async (person: Provisioned, change: object): Promise<void> => {
  const { admin } = world();
  await switchScim(false);
  await admin
    .put(`/api/admin/user-admin/${person.hostId}`)
    .send({ rootRole: VIEWER_ROLE, ...change })
    .expect(200);
  await switchScim(true);
};

const read = async (person: Provisioned) => (await world().scim.get(`/Users/${person.id}`).expect(200)).body;

const found = async (filter: string): Promise<readonly string[]> => {
  const { body } = await world()
    .scim.get(`/Users?filter=${encodeURIComponent(filter)}`)
    .expect(200);
  return (body.Resources ?? []).map(({ id }: { readonly id: string }) => id);
};

describe('while SCIM is switched off', () => {
  test("the host's pages change a managed person, and while it is on they refuse", async () => {
    const { admin, db } = world();
    const person = await provision(world(), 'unlocked@example.com');
    const change = { name: 'By the admin', email: 'unlocked-anew@example.com', rootRole: EDITOR_ROLE };
    await admin.put(`/api/admin/user-admin/${person.hostId}`).send(change).expect(403);
    await switchScim(false);
    await admin.put(`/api/admin/user-admin/${person.hostId}`).send(change).expect(200);
    expect(await hostUser(db, person.hostId)).toMatchObject({
      name: 'By the admin',
      email: 'unlocked-anew@example.com',
      scim_id: person.id,
    });
    expect(await rolesOf(db, person.hostId)).toEqual([`${EDITOR_ROLE}:default`]);
  });

  test('SCIM answers 403 and changes nothing; switched on again it goes on with the same ids, suspended people included', async () => {
    const { scim, db } = world();
    const [person, suspended] = [
      await provision(world(), 'goes-on@example.com'),
      await provision(world(), 'goes-on-suspended@example.com'),
    ];
    const group = await provisionGroup(world(), 'goes on', [person, suspended]);
    await scim.patch(`/Users/${suspended.id}`, setActive(false)).expect(200);
    const shown = [await read(person), await read(suspended), (await scim.get(`/Groups/${group.id}`).expect(200)).body];
    await switchScim(false);
    const mark = await endOfLog(db);
    await scim.get(`/Users/${person.id}`).expect(403);
    await scim.patch(`/Users/${person.id}`, setActive(false)).expect(403);
    await scim.delete(`/Groups/${group.id}`).expect(403);
    expect(await typesSince(db, mark)).toEqual([]);
    await switchScim(true);
    expect([await read(person), await read(suspended), (await scim.get(`/Groups/${group.id}`).expect(200)).body]).toEqual(shown);
  });
});

describe("what an administrator changed in the host's pages", () => {
  test('is in the next SCIM answer, with another version and a later date, and filters find it', async () => {
    const person = await provision(world(), 'edited', {
      displayName: 'Old Name',
      title: 'Dr',
      emails: [{ value: 'old-edited@example.com', type: 'work', primary: true }],
    });
    const before = await read(person);
    await editInPages(person, { name: 'New Name', email: 'New-edited@example.com' });
    const after = await read(person);
    expect(after).toMatchObject({
      id: person.id,
      userName: 'edited',
      title: 'Dr',
      displayName: 'New Name',
      emails: [{ value: 'new-edited@example.com', type: 'work', primary: true }],
    });
    expect(after.meta.version).not.toBe(before.meta.version);
    expect(Date.parse(after.meta.lastModified)).toBeGreaterThan(Date.parse(before.meta.lastModified));
    for (const [filter, hits] of [
      ['displayName eq "New Name"', [person.id]],
      ['displayName eq "Old Name"', []],
      ['emails.value eq "new-edited@example.com"', [person.id]],
      ['emails.value eq "old-edited@example.com"', []],
      ['emails[type eq "work" and value eq "new-edited@example.com"]', [person.id]],
      ['userName eq "edited"', [person.id]],
    ] as const) {
      expect([filter, await found(filter)]).toEqual([filter, hits]);
    }
  });

  test('of the e-mail is a change of the userName where the userName is the e-mail', async () => {
    const person = await provision(world(), 'same-as-mail@example.com');
    await editInPages(person, { email: 'mail-now@example.com' });
    expect(await read(person)).toMatchObject({ userName: 'mail-now@example.com', emails: [{ value: 'mail-now@example.com' }] });
    expect(await found('userName eq "mail-now@example.com"')).toEqual([person.id]);
    expect(await found('userName eq "same-as-mail@example.com"')).toEqual([]);
    // The name is free for somebody else, and the new one is not.
    await world().scim.post('/Users', userBody('mail-now@example.com')).expect(409);
  });

  test('stays through a PATCH of something else, which absorbs it', async () => {
    const { scim, db } = world();
    const person = await provision(world(), 'patched-after', {
      displayName: 'Sync',
      emails: [{ value: 'patched-after@example.com' }],
    });
    await editInPages(person, { name: 'Admin', email: 'by-admin@example.com' });
    const { body } = await scim.patch(`/Users/${person.id}`, patchBody({ op: 'add', path: 'title', value: 'Dr' })).expect(200);
    expect(body).toMatchObject({ displayName: 'Admin', title: 'Dr', emails: [{ value: 'by-admin@example.com' }] });
    expect(await hostUser(db, person.hostId)).toMatchObject({ name: 'Admin', email: 'by-admin@example.com' });
    expect(await read(person)).toEqual(body);
  });

  test('is overwritten by a PUT: what the identity provider states becomes true', async () => {
    const { scim, db } = world();
    const stated = { displayName: 'Sync', emails: [{ value: 'put-after@example.com', primary: true }] };
    const person = await provision(world(), 'put-after', stated);
    await editInPages(person, { name: 'Admin', email: 'put-by-admin@example.com' });
    const { body } = await scim.put(`/Users/${person.id}`, userBody('put-after', stated)).expect(200);
    expect(body).toMatchObject(stated);
    expect(await hostUser(db, person.hostId)).toMatchObject({
      name: 'Sync',
      email: 'put-after@example.com',
      username: 'put-after',
    });
  });

  test('is suspended and resumed along: the person comes back as the administrator had left them', async () => {
    const { scim, db } = world();
    const person = await provision(world(), 'edited-suspended', { displayName: 'Sync' });
    await editInPages(person, { name: 'Admin', email: 'edited-suspended@example.com' });
    const was = await hostUser(db, person.hostId);
    await scim.patch(`/Users/${person.id}`, setActive(false)).expect(200);
    expect(await read(person)).toMatchObject({ active: false, displayName: 'Admin', userName: 'edited-suspended' });
    await scim.patch(`/Users/${person.id}`, setActive(true)).expect(200);
    const { email_hash: _seat, ...names } = await hostUser(db, person.hostId);
    expect(was).toMatchObject(names);
  });

  test('of a group: name, description, root role and members is in the next answer, with another version', async () => {
    const { scim, db, admin } = world();
    const [stays, leaves] = [
      await provision(world(), 'group-stays@example.com'),
      await provision(world(), 'group-leaves@example.com'),
    ];
    const group = await provisionGroup(world(), 'Before the edit', [stays, leaves]);
    const versions = [(await scim.get(`/Groups/${group.id}`).expect(200)).body.meta.version];
    await db.query(`UPDATE groups SET name = 'After the edit', root_role_id = 2 WHERE id = $1`, [group.hostId]);
    const { body: renamed } = await scim.get(`/Groups/${group.id}`).expect(200);
    expect(renamed.displayName).toBe('After the edit');
    versions.push(renamed.meta.version);
    await admin.delete(`/api/admin/user-admin/${leaves.hostId}`).expect(200);
    const { body: smaller } = await scim.get(`/Groups/${group.id}`).expect(200);
    expect(smaller.members).toEqual([expect.objectContaining({ value: stays.id })]);
    versions.push(smaller.meta.version);
    expect(new Set(versions).size).toBe(3);

    await scim.patch(`/Groups/${group.id}`, removeMember(stays.id)).expect(204);
    expect(await hostMembers(db, group.hostId)).toEqual([]);
    await scim.put(`/Groups/${group.id}`, groupBody('Before the edit')).expect(200);
    expect(await db.query('SELECT name, root_role_id FROM groups WHERE id = $1', [group.hostId])).toEqual([
      { name: 'Before the edit', root_role_id: 2 },
    ]);
  });

  test('is not adopted again: a local user made meanwhile stays local', async () => {
    const { admin, db, scim } = world();
    await switchScim(false);
    const local = await createLocalUser(admin, { username: 'made-meanwhile' });
    await switchScim(true);
    expect((await hostUser(db, local.id)).scim_id).toBeNull();
    await scim.post('/Users', userBody('made-meanwhile')).expect(201);
  });
});

describe('versions', () => {
  test.each(['/Users', '/Groups'])(
    'of %s: If-None-Match answers 304 until something changes, on either side',
    async (endpoint) => {
      const { scim, db } = world();
      const name = `etag${endpoint.replace('/', '-')}`;
      const one =
        endpoint === '/Users' ? await provision(world(), name, { displayName: name }) : await provisionGroup(world(), name, []);
      const path = `${endpoint}/${one.id}`;
      const first = await scim.get(path).expect(200);
      const { etag } = first.headers;
      expect(etag).toBe(first.body.meta.version);
      expect(etag).toMatch(/^W\/".+"$/);
      const unchanged = await scim
        .get(path)
        .set('If-None-Match', etag ?? '')
        .expect(304);
      expect(unchanged.text).toBe('');
      expect(unchanged.headers.etag).toBe(etag);
      await db.query(`UPDATE ${endpoint.slice(1).toLowerCase()} SET name = name || ' in the host' WHERE id = $1`, [one.hostId]);
      const second = await scim
        .get(path)
        .set('If-None-Match', etag ?? '')
        .expect(200);
      await scim.patch(path, patchBody({ op: 'replace', path: 'displayName', value: `${name} once more` }));
      const third = await scim
        .get(path)
        .set('If-None-Match', second.headers.etag ?? '')
        .expect(200);
      expect(new Set([etag, second.headers.etag, third.headers.etag]).size).toBe(3);
      await scim.get(path).set('If-None-Match', '*').expect(304);
    },
  );

  test.each(['/Users', '/Groups'])(
    'of %s: a write whose If-Match is stale is a 412 and changes nothing; the current one passes',
    async (endpoint) => {
      const { scim, db } = world();
      const name = `match${endpoint.replace('/', '-')}`;
      const one =
        endpoint === '/Users' ? await provision(world(), name, { displayName: name }) : await provisionGroup(world(), name, []);
      const path = `${endpoint}/${one.id}`;
      const stale = (await scim.get(path).expect(200)).headers.etag ?? '';
      await db.query(`UPDATE ${endpoint.slice(1).toLowerCase()} SET name = name || ' in the host' WHERE id = $1`, [one.hostId]);
      const { body: before, headers } = await scim.get(path).expect(200);
      const rename = patchBody({ op: 'replace', path: 'displayName', value: `${name} twice` });
      const whole = endpoint === '/Users' ? userBody(name) : groupBody(name);
      for (const sent of [scim.patch(path, rename), scim.put(path, whole), scim.delete(path)]) {
        expect((await sent.set('If-Match', stale).expect(412)).body).toMatchObject({ status: '412' });
      }
      expect((await scim.get(path).expect(200)).body).toEqual(before);
      const current = headers.etag ?? '';
      expect((await scim.patch(path, rename).set('If-Match', `W/"other", ${current}`)).status).toBeLessThan(300);
      await scim.patch(path, rename).set('If-Match', current).expect(412);
      await scim.delete(path).set('If-Match', '*').expect(204);
    },
  );
});
