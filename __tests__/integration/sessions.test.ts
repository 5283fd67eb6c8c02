import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { createLocalUser } from '../support/clients.js';
import { credentialsOf, letLogIn, NO_CREDENTIALS } from '../support/credentials.js';
import { type Host, startHost } from '../support/host-process.js';
import { ADMIN_ROLE, hostUser, type Provisioned, provision, setActive, userBody } from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';

const world = withWorld();
let replica: Host;

beforeAll(async () => {
  replica = await startHost({ database: world().db });
});
afterAll(() => replica?.stop());

const EVERYWHERE = '/api/admin/projects';

const hosts = (): readonly Host[] => [world().host, replica];

const suspend = (person: Provisioned): Promise<unknown> =>
  world().scim.patch(`/Users/${person.id}`, setActive(false)).expect(200).then();
const resume = (person: Provisioned): Promise<unknown> =>
  world().scim.patch(`/Users/${person.id}`, setActive(true)).expect(200).then();

/** Logs a person in; the answer is the cookie that either replica knows. */
const login = async (person: Provisioned): Promise<string> => {
  const { host, db } = world();
  const credentials = await letLogIn(db, person.hostId);
  const answer = await request(host.url).post('/auth/simple/login').send(credentials).expect(200);
  return String(answer.headers['set-cookie']).split(';')[0] ?? '';
};

const statusesOf = (headers: Readonly<Record<string, string>>, path = EVERYWHERE): Promise<readonly number[]> =>
  Promise.all(hosts().map(async ({ url }) => (await request(url).get(path).set(headers)).status));

interface SessionRow {
  readonly sid: string;
  readonly sess: unknown;
}

const sessionRow = async (hostId: number): Promise<SessionRow> => {
  const [row] = await world().db.query<{ sid: string; sess: unknown }>(
    `SELECT sid, sess FROM unleash_session WHERE sess -> 'user' ->> 'id' = $1::text`,
    [hostId],
  );
  if (row === undefined) throw new Error('the login left no session');
  return row;
};

/** What a request does that was under way when the row was deleted: it saves the session once more. */
const revive = ({ sid, sess }: SessionRow): Promise<unknown> =>
  world().db.query(`INSERT INTO unleash_session (sid, sess, expired) VALUES ($1, $2, now() + interval '1 day')`, [
    sid,
    JSON.stringify(sess),
  ]);

describe('the session of a managed person', () => {
  test('works on every replica and is refused on the next request to any of them after a suspension', async () => {
    const person = await provision(world(), 'session@example.com');
    const cookie = await login(person);
    expect(await statusesOf({ cookie })).toEqual([200, 200]);
    await suspend(person);
    expect(await statusesOf({ cookie })).toEqual([401, 401]);
  });

  test('is refused on every replica after a deletion', async () => {
    const person = await provision(world(), 'session-deleted@example.com');
    const cookie = await login(person);
    await world().scim.delete(`/Users/${person.id}`).expect(204);
    expect(await statusesOf({ cookie })).toEqual([401, 401]);
  });

  test('is refused, and its row removed, when a request under way writes it back after the suspension', async () => {
    const { db, host } = world();
    const person = await provision(world(), 'zombie@example.com');
    await db.query('UPDATE role_user SET role_id = $2 WHERE user_id = $1', [person.hostId, ADMIN_ROLE]);
    const cookie = await login(person);
    const row = await sessionRow(person.hostId);
    await suspend(person);
    for (const { url } of [host, replica]) {
      await revive(row);
      await request(url)
        .post('/api/admin/user/tokens')
        .set('cookie', cookie)
        .send({ description: 'late', expiresAt: '2099-01-01T00:00:00Z' })
        .expect(401);
      expect(await credentialsOf(db, person.hostId)).toEqual(NO_CREDENTIALS);
    }
  });

  test('that was written back while the person was suspended stays dead when they are resumed', async () => {
    const { db } = world();
    const person = await provision(world(), 'zombie-resumed@example.com');
    const cookie = await login(person);
    const row = await sessionRow(person.hostId);
    await suspend(person);
    await revive(row);
    await resume(person);
    expect(await statusesOf({ cookie })).toEqual([401, 401]);
    expect(await credentialsOf(db, person.hostId)).toEqual(NO_CREDENTIALS);
    // They come back as people do: by a login.
    expect(await statusesOf({ cookie: await login(person) })).toEqual([200, 200]);
  });

  test('leaves the sessions of others alone', async () => {
    const [leaver, stayer] = [await provision(world(), 'leaver@example.com'), await provision(world(), 'stayer@example.com')];
    const cookie = await login(stayer);
    await login(leaver);
    await suspend(leaver);
    expect(await statusesOf({ cookie })).toEqual([200, 200]);
  });
});

test('a personal access token is refused on every replica after a suspension and stays dead after the resumption', async () => {
  const { host } = world();
  const person = await provision(world(), 'pat@example.com');
  const cookie = await login(person);
  const made = await request(host.url)
    .post('/api/admin/user/tokens')
    .set('cookie', cookie)
    .send({ description: 'mine', expiresAt: '2099-01-01T00:00:00Z' })
    .expect(201);
  const authorization: string = made.body.secret;
  expect(await statusesOf({ authorization }, '/api/admin/user')).toEqual([200, 200]);
  await suspend(person);
  expect(await statusesOf({ authorization }, '/api/admin/user')).toEqual([401, 401]);
  await resume(person);
  expect(await statusesOf({ authorization }, '/api/admin/user')).toEqual([401, 401]);
});

test('a reset link sets no password during a suspension, nor after the resumption', async () => {
  const { admin, host, db, scim } = world();
  const local = await createLocalUser(admin, { email: 'reset@example.com', name: 'Re Set' });
  const { body } = await admin.post('/api/admin/user-admin/reset-password').send({ id: local.email }).expect(200);
  const token = new URL(body.resetPasswordUrl).searchParams.get('token');
  const { body: adopted } = await scim.post('/Users', userBody('reset@example.com')).expect(201);
  const person = { id: String(adopted.id), hostId: local.id };
  const useLink = (): request.Test =>
    request(host.url).post('/auth/reset/password').send({ token, password: 'A-Long-Passw0rd-Of-Mine!' });

  await request(host.url).get('/auth/reset/validate').query({ token }).expect(200);
  await suspend(person);
  expect((await useLink()).status).toBeGreaterThanOrEqual(400);
  await resume(person);
  expect((await useLink()).status).toBeGreaterThanOrEqual(400);
  expect((await hostUser(db, person.hostId)).password_hash).toBeNull();
});
