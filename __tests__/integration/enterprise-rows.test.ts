import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { adminSession, scim as clientOf, type ScimClient } from '../support/clients.js';
import { createDatabase, type Database } from '../support/database.js';
import { type Host, startHost } from '../support/host-process.js';
import {
  addMembers,
  EDITOR_ROLE,
  groupBody,
  hostMembers,
  hostUser,
  type Provisioned,
  patchBody,
  removeMember,
  rolesOf,
  setActive,
  shownMembers,
  userBody,
} from '../support/provisioning.js';

let db: Database;
let host: Host;
let scim: ScimClient;

/** A person as Unleash Enterprise leaves one: a host row with a SCIM id, and nothing of ours. */
const leftPerson = async (name: string): Promise<Provisioned> => {
  const id = `enterprise-${name}`;
  const [row] = await db.query<{ id: number }>(
    `INSERT INTO users (name, username, email, email_hash, scim_id, scim_external_id)
     VALUES ($1, $2, $3::varchar, encode(sha256(convert_to($3::varchar::text, 'UTF8')), 'hex'), $4, $5) RETURNING id`,
    [`Name of ${name}`, name, `${name}@example.com`, id, `ext-${name}`],
  );
  const hostId = row?.id ?? 0;
  await db.query(`INSERT INTO role_user (role_id, user_id, project) VALUES ($1, $2, 'default')`, [EDITOR_ROLE, hostId]);
  return { id, hostId };
};

const leftGroup = async (name: string, members: readonly Provisioned[]): Promise<Provisioned> => {
  const id = `enterprise-${name}`;
  const [row] = await db.query<{ id: number }>(
    'INSERT INTO groups (name, description, scim_id, scim_external_id) VALUES ($1, $1, $2, $3) RETURNING id',
    [name, id, `ext-${name}`],
  );
  const hostId = row?.id ?? 0;
  await db.query('INSERT INTO group_user (group_id, user_id) SELECT $1, unnest($2::integer[])', [
    hostId,
    members.map((member) => member.hostId),
  ]);
  return { id, hostId };
};

const found = async (endpoint: string, filter: string): Promise<readonly string[]> => {
  const { body } = await scim.get(`${endpoint}?filter=${encodeURIComponent(filter)}`).expect(200);
  return (body.Resources ?? []).map(({ id }: { readonly id: string }) => id);
};

/** Rows that the former host left before ours was started for the first time. */
const before: { person?: Provisioned; group?: Provisioned } = {};

beforeAll(async () => {
  db = await createDatabase();
  before.person = await leftPerson('before');
  before.group = await leftGroup('group-before', [before.person]);
  host = await startHost({ database: db });
  scim = clientOf(host);
});
afterAll(async () => {
  await host?.stop();
  await db?.drop();
});

let counter = 0;
const whileRunning = async (): Promise<{ readonly name: string; readonly person: Provisioned; readonly group: Provisioned }> => {
  counter += 1;
  const name = `running-${counter}`;
  const person = await leftPerson(name);
  return { name, person, group: await leftGroup(`group-${name}`, [person]) };
};

const fromBefore = async (): Promise<{ readonly name: string; readonly person: Provisioned; readonly group: Provisioned }> => {
  if (before.person === undefined || before.group === undefined) throw new Error('made before the start');
  return { name: 'before', person: before.person, group: before.group };
};

describe.each([
  ['before the start', fromBefore],
  ['while the host runs', whileRunning],
])('rows that Unleash Enterprise left %s', (_when, make) => {
  test('are served as they are: by id, in lists and by filters', async () => {
    const { name, person, group } = await make();
    const { body } = await scim.get(`/Users/${person.id}`).expect(200);
    expect(body).toMatchObject({
      id: person.id,
      externalId: `ext-${name}`,
      userName: name,
      displayName: `Name of ${name}`,
      active: true,
      emails: [{ value: `${name}@example.com`, primary: true }],
      groups: [{ value: group.id, display: `group-${name}` }],
    });
    for (const filter of [
      `id eq "${person.id}"`,
      `userName eq "${name.toUpperCase()}"`,
      `externalId eq "ext-${name}"`,
      `emails.value eq "${name}@example.com"`,
      `displayName eq "Name of ${name}"`,
    ]) {
      expect([filter, await found('/Users', filter)]).toEqual([filter, [person.id]]);
    }
    expect(await found('/Users', 'userName pr')).toContain(person.id);

    const { body: shown } = await scim.get(`/Groups/${group.id}`).expect(200);
    expect(shown).toMatchObject({
      id: group.id,
      externalId: `ext-group-${name}`,
      displayName: `group-${name}`,
      members: [{ value: person.id }],
    });
    for (const filter of [
      `displayName eq "GROUP-${name}"`,
      `externalId eq "ext-group-${name}"`,
      `members.value eq "${person.id}"`,
    ]) {
      expect([filter, await found('/Groups', filter)]).toEqual([filter, [group.id]]);
    }
  });

  test('are known to a POST: 409, so that nobody is provisioned twice', async () => {
    const { name } = await make();
    await scim.post('/Users', userBody(name)).expect(409);
    await scim.post('/Users', userBody('other name', { externalId: `ext-${name}` })).expect(409);
    await scim.post('/Users', userBody('other name', { emails: [{ value: `${name}@example.com` }] })).expect(409);
    await scim.post('/Groups', groupBody(`Group-${name}`)).expect(409);
    await scim.post('/Groups', { ...groupBody('other group'), externalId: `ext-group-${name}` }).expect(409);
  });

  test('keep their host id, SCIM id and version through a request that changes nothing', async () => {
    const { name, person } = await make();
    const { body } = await scim.get(`/Users/${person.id}`).expect(200);
    const same = await scim
      .put(
        `/Users/${person.id}`,
        userBody(name, { externalId: `ext-${name}`, displayName: `Name of ${name}`, emails: body.emails }),
      )
      .expect(200);
    expect(same.body).toEqual(body);
  });
});

describe('a person whom Unleash Enterprise left', () => {
  test('is changed by PATCH and by PUT with the same ids', async () => {
    const { person } = await whileRunning();
    await scim.patch(`/Users/${person.id}`, patchBody({ op: 'replace', path: 'displayName', value: 'Patched' })).expect(200);
    expect(await hostUser(db, person.hostId)).toMatchObject({ name: 'Patched', scim_id: person.id });
    const other = (await whileRunning()).person;
    await scim.put(`/Users/${other.id}`, userBody('put-anew@example.com')).expect(200);
    expect(await hostUser(db, other.hostId)).toMatchObject({
      name: null,
      email: 'put-anew@example.com',
      username: null,
      scim_id: other.id,
      scim_external_id: null,
    });
  });

  test('is suspended and resumed with the same ids, role, names and groups', async () => {
    const { person, group } = await whileRunning();
    const was = await hostUser(db, person.hostId);
    const { body: shown } = await scim.get(`/Users/${person.id}`).expect(200);
    await scim.patch(`/Users/${person.id}`, setActive(false)).expect(200);
    expect((await hostUser(db, person.hostId)).deleted).toBe(true);
    expect((await scim.get(`/Users/${person.id}`).expect(200)).body).toMatchObject({
      id: person.id,
      active: false,
      userName: shown.userName,
      groups: shown.groups,
    });
    await scim.patch(`/Users/${person.id}`, setActive(true)).expect(200);
    expect(await hostUser(db, person.hostId)).toEqual(was);
    expect(await rolesOf(db, person.hostId)).toEqual([`${EDITOR_ROLE}:default`]);
    expect(await hostMembers(db, group.hostId)).toEqual([person.hostId]);
  });

  test('is deleted, and comes anew as somebody else', async () => {
    const { name, person } = await whileRunning();
    await scim.delete(`/Users/${person.id}`).expect(204);
    await scim.get(`/Users/${person.id}`).expect(404);
    expect((await hostUser(db, person.hostId)).deleted).toBe(true);
    const { body } = await scim.post('/Users', userBody(name)).expect(201);
    expect(body.id).not.toBe(person.id);
  });

  test('without a name, username or e-mail is served, and has a userName', async () => {
    const [row] = await db.query<{ id: number }>(`INSERT INTO users (scim_id) VALUES ('enterprise-nobody') RETURNING id`);
    const { body } = await scim.get('/Users/enterprise-nobody').expect(200);
    expect(body).toMatchObject({ userName: `user-${row?.id}`, active: true });
  });

  test('is let go of, when an administrator removes them, as everybody else is', async () => {
    const { name, person } = await whileRunning();
    const admin = await adminSession(host);
    await admin.delete(`/api/admin/user-admin/${person.hostId}`).expect(200);
    await scim.get(`/Users/${person.id}`).expect(404);
    await scim.post('/Users', userBody(name, { externalId: `ext-${name}` })).expect(201);
  });
});

describe('a group that Unleash Enterprise left', () => {
  test('is renamed, filled, emptied and deleted with the same id', async () => {
    const { person, group } = await whileRunning();
    const other = (await whileRunning()).person;
    await scim.patch(`/Groups/${group.id}`, addMembers(other.id)).expect(204);
    expect(await shownMembers(scim, group.id)).toEqual([person.id, other.id]);
    await scim.patch(`/Groups/${group.id}`, removeMember(person.id)).expect(204);
    const { body } = await scim.put(`/Groups/${group.id}`, groupBody('enterprise renamed')).expect(200);
    expect(body.id).toBe(group.id);
    expect(await db.query('SELECT name, scim_id FROM groups WHERE id = $1', [group.hostId])).toEqual([
      { name: 'enterprise renamed', scim_id: group.id },
    ]);
    expect(await hostMembers(db, group.hostId)).toEqual([other.hostId]);
    await scim.delete(`/Groups/${group.id}`).expect(204);
    await scim.get(`/Groups/${group.id}`).expect(404);
  });
});
