import { describe, expect, test } from '@jest/globals';
import {
  EDITOR_ROLE,
  endOfLog,
  eventsSince,
  FIRST_TOKEN,
  hostUser,
  patchBody,
  provision,
  rolesOf,
  setActive,
  typesSince,
  userBody,
} from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';

const world = withWorld();

const hashOf = async (email: string): Promise<string> => {
  const [row] = await world().db.query<{ hash: string }>(`SELECT encode(sha256(convert_to($1::text, 'UTF8')), 'hex') AS hash`, [
    email,
  ]);
  return row?.hash ?? '';
};

describe('a change', () => {
  test('of userName, e-mail and name moves the host columns and the seat with them, tells before and after, and never resets the role', async () => {
    const { db, scim } = world();
    const person = await provision(world(), 'before', {
      displayName: 'Before',
      emails: [{ value: 'before@example.com', primary: true }],
    });
    await db.query('UPDATE role_user SET role_id = $2 WHERE user_id = $1', [person.hostId, EDITOR_ROLE]);
    await db.query(`INSERT INTO role_user (role_id, user_id, project) VALUES (4, $1, 'default')`, [person.hostId]);
    const roles = await rolesOf(db, person.hostId);
    const mark = await endOfLog(db);
    await scim
      .patch(
        `/Users/${person.id}`,
        patchBody(
          { op: 'replace', path: 'userName', value: 'after' },
          { op: 'replace', path: 'emails[primary eq true].value', value: 'After@Example.com' },
          { op: 'replace', path: 'displayName', value: 'After' },
        ),
      )
      .expect(200);
    expect(await hostUser(db, person.hostId)).toMatchObject({
      username: 'after',
      email: 'after@example.com',
      name: 'After',
      email_hash: await hashOf('after@example.com'),
    });
    const common = { id: person.hostId, rootRole: EDITOR_ROLE };
    expect(await eventsSince(db, mark)).toMatchObject([
      {
        type: 'user-updated',
        created_by: FIRST_TOKEN,
        data: { ...common, username: 'after', email: 'after@example.com', name: 'After' },
        pre_data: { ...common, username: 'before', email: 'before@example.com', name: 'Before' },
      },
    ]);

    await scim
      .put(`/Users/${person.id}`, userBody('put@example.com', { name: { givenName: 'Pu', familyName: 'T' } }))
      .expect(200);
    expect(await hostUser(db, person.hostId)).toMatchObject({
      username: null,
      email: 'put@example.com',
      name: 'Pu T',
      email_hash: await hashOf('put@example.com'),
    });
    expect(await rolesOf(db, person.hostId)).toEqual(roles);
  });

  test('that is none keeps the version and writes no event', async () => {
    const { db, scim } = world();
    const body = {
      displayName: 'Same',
      emails: [{ value: 'Same@example.com', type: 'work', primary: true }],
      name: { givenName: 'Sa' },
      externalId: 'same-1',
    };
    const person = await provision(world(), 'same', body);
    const { body: before } = await scim.get(`/Users/${person.id}`).expect(200);
    const mark = await endOfLog(db);
    const answers = [
      await scim.put(`/Users/${person.id}`, userBody('same', body)).expect(200),
      await scim.put(`/Users/${person.id}`, userBody('same', { ...body, active: true, nickName: null, photos: [] })).expect(200),
      await scim.patch(`/Users/${person.id}`, patchBody({ op: 'replace', path: 'displayName', value: 'Same' })).expect(200),
      await scim.patch(`/Users/${person.id}`, patchBody({ op: 'remove', path: 'nickName' })).expect(200),
      await scim.patch(`/Users/${person.id}`, setActive(true)).expect(200),
    ];
    for (const answer of answers) expect(answer.body).toEqual(before);
    expect(await typesSince(db, mark)).toEqual([]);
  });

  test('of the case of the userName alone is one', async () => {
    const { db, scim } = world();
    const person = await provision(world(), 'casing');
    await scim.patch(`/Users/${person.id}`, patchBody({ op: 'replace', path: 'userName', value: 'Casing' })).expect(200);
    expect((await hostUser(db, person.hostId)).username).toBe('Casing');
  });

  test('of an attribute without a host column has an event that names it', async () => {
    const { db, scim } = world();
    const person = await provision(world(), 'attributes');
    const mark = await endOfLog(db);
    await scim.patch(`/Users/${person.id}`, patchBody({ op: 'add', path: 'title', value: 'Tour Guide' })).expect(200);
    expect(await eventsSince(db, mark)).toMatchObject([
      { type: 'user-updated', data: { id: person.hostId, scimAttributes: ['title'] } },
    ]);
    expect((await scim.get(`/Users/${person.id}`).expect(200)).body.title).toBe('Tour Guide');
  });

  test('onto the userName, e-mail or externalId of another managed person, active or suspended, is a 409 and changes nothing', async () => {
    const { db, scim } = world();
    for (const active of [true, false]) {
      const name = `holder-${active}`;
      const holder = await provision(world(), name, { externalId: name, emails: [{ value: `${name}@example.com` }] });
      if (!active) await scim.patch(`/Users/${holder.id}`, setActive(false)).expect(200);
      const person = await provision(world(), `seeker-${active}`, { externalId: `seeker-${active}` });
      const before = await hostUser(db, person.hostId);
      const mark = await endOfLog(db);
      for (const value of [
        { userName: name.toUpperCase() },
        { emails: [{ value: `${name}@EXAMPLE.com` }] },
        { externalId: name },
      ]) {
        const { body } = await scim.patch(`/Users/${person.id}`, patchBody({ op: 'replace', value })).expect(409);
        expect(body.scimType).toBe('uniqueness');
      }
      await scim.post('/Users', userBody(`second-${active}`, { externalId: name })).expect(409);
      expect(await hostUser(db, person.hostId)).toEqual(before);
      expect(await typesSince(db, mark)).toEqual([]);
    }
  });
});

describe('PUT', () => {
  test('clears what it omits, the host columns included, but neither active nor the last name to log in with', async () => {
    const { db, scim } = world();
    const person = await provision(world(), 'cleared', {
      externalId: 'cleared-1',
      displayName: 'To be cleared',
      title: 'Dr',
      emails: [{ value: 'cleared@example.com' }],
      'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User': { department: 'Sales' },
    });
    const { body } = await scim.put(`/Users/${person.id}`, userBody('cleared')).expect(200);
    expect(Object.keys(body).sort()).toEqual(['active', 'groups', 'id', 'meta', 'schemas', 'userName']);
    expect(body.active).toBe(true);
    expect(await hostUser(db, person.hostId)).toMatchObject({
      name: null,
      email: null,
      email_hash: null,
      username: 'cleared',
      scim_external_id: null,
      deleted: false,
    });
  });

  test('without userName is a 400 and changes nothing', async () => {
    const { db, scim } = world();
    const person = await provision(world(), 'nameless');
    const before = await hostUser(db, person.hostId);
    const { body } = await scim
      .put(`/Users/${person.id}`, { schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'], displayName: 'No name' })
      .expect(400);
    expect(body.scimType).toBe('invalidValue');
    expect(await hostUser(db, person.hostId)).toEqual(before);
  });
});

describe('a userName that is the e-mail', () => {
  test('keeps a name to log in with when the e-mail is removed', async () => {
    const { db, scim } = world();
    const person = await provision(world(), 'only@example.com', { emails: [{ value: 'only@example.com' }] });
    await scim.patch(`/Users/${person.id}`, patchBody({ op: 'remove', path: 'emails' })).expect(200);
    expect(await hostUser(db, person.hostId)).toMatchObject({ email: 'only@example.com', username: null });
  });

  test('becomes the host username when the e-mail becomes another one', async () => {
    const { db, scim } = world();
    const person = await provision(world(), 'upn@example.com');
    await scim
      .patch(
        `/Users/${person.id}`,
        patchBody({ op: 'add', path: 'emails', value: [{ value: 'mail@example.com', primary: true }] }),
      )
      .expect(200);
    expect(await hostUser(db, person.hostId)).toMatchObject({ email: 'mail@example.com', username: 'upn@example.com' });
  });
});
