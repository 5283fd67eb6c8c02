import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { letLogIn } from '../support/credentials.js';
import { type Host, startHost } from '../support/host-process.js';
import {
  freshName,
  hostUser,
  type Provisioned,
  provision,
  rolesOf,
  setActive,
  userBody,
  VIEWER_ROLE,
} from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';
import { type Doors, WAYS_IN } from '../support/ways-in.js';

/** What the host does by the clock must not get in the way of who waits for whom. */
const quiet = { disableScheduler: true };
const world = withWorld({ hostOptions: quiet });
let doors: Doors;

beforeAll(async () => {
  const { db, host } = world();
  const modulePath = fileURLToPath(new URL('../support/sso-login.js', import.meta.url));
  const env = { UNLEASH_EXPERIMENTAL_SECURE_ACCOUNT_TOKEN: 'true' };
  const [secure, sso] = await Promise.all([
    startHost({ database: db, hostOptions: quiet, env }),
    startHost({ database: db, hostOptions: { ...quiet, modulePath } }),
  ]);
  doors = { db, plain: host, secure, sso };
});
afterAll(async () => {
  await Promise.all([doors?.secure.stop(), doors?.sso.stop()]);
});

interface WayOut {
  readonly name: string;
  leave(person: Provisioned, userName: string): Promise<unknown>;
  /** Whether it is a suspension; else the person comes back as another user. */
  readonly suspends: boolean;
  /** Whether a login may bring the person anew, as another user. */
  readonly forgets?: boolean;
}

const bulk = (operation: object): Promise<unknown> =>
  world()
    .scim.post('/Bulk', { schemas: ['urn:ietf:params:scim:api:messages:2.0:BulkRequest'], Operations: [operation] })
    .expect(200)
    .then(({ body }) => expect(body.Operations).toEqual([expect.objectContaining({ status: expect.stringMatching(/^20/) })]));

const WAYS_OUT: readonly WayOut[] = [
  {
    name: 'a PATCH of active',
    suspends: true,
    leave: ({ id }) => world().scim.patch(`/Users/${id}`, setActive(false)).expect(200).then(),
  },
  {
    name: 'a PUT with active false',
    suspends: true,
    leave: ({ id }, userName) =>
      world()
        .scim.put(`/Users/${id}`, userBody(userName, { active: false }))
        .expect(200)
        .then(),
  },
  { name: 'a DELETE', suspends: false, leave: ({ id }) => world().scim.delete(`/Users/${id}`).expect(204).then() },
  {
    name: 'a PATCH in Bulk',
    suspends: true,
    leave: ({ id }) => bulk({ method: 'PATCH', path: `/Users/${id}`, data: setActive(false) }),
  },
  {
    name: 'a PUT in Bulk',
    suspends: true,
    leave: ({ id }, userName) => bulk({ method: 'PUT', path: `/Users/${id}`, data: userBody(userName, { active: false }) }),
  },
  { name: 'a DELETE in Bulk', suspends: false, leave: ({ id }) => bulk({ method: 'DELETE', path: `/Users/${id}` }) },
  {
    name: '"Delete SCIM Users"',
    suspends: false,
    forgets: true,
    leave: () => world().admin.delete('/api/admin/user-admin/scim-users').expect(200).then(),
  },
  {
    name: 'a removal on the Users page',
    suspends: false,
    leave: ({ hostId }) => world().admin.delete(`/api/admin/user-admin/${hostId}`).expect(200).then(),
  },
  {
    name: 'a removal of inactive users',
    suspends: false,
    leave: ({ hostId }) =>
      world()
        .admin.post('/api/admin/user-admin/inactive/delete')
        .send({ ids: [hostId] })
        .expect(200)
        .then(),
  },
];

const comeBack = async ({ suspends }: WayOut, { id }: Provisioned, userName: string): Promise<void> => {
  const { scim } = world();
  if (suspends) await scim.patch(`/Users/${id}`, setActive(true)).expect(200);
  else await scim.post('/Users', userBody(userName)).expect(201);
};

const expectRefused = (statuses: readonly number[]): void => {
  expect(statuses.length).toBeGreaterThan(1);
  for (const status of statuses) expect([400, 401, 403, 404]).toContain(status);
};

describe.each(WAYS_OUT)('after $name', (wayOut) => {
  test.each(WAYS_IN)('$name is refused everywhere on the next request, and once the person is back', async ({ held }) => {
    const userName = freshName('leaver');
    const person = await provision(world(), userName);
    const use = await held(doors, person, () => wayOut.leave(person, userName));
    expectRefused(await use());
    await comeBack(wayOut, person, userName);
    expectRefused(await use());
  });

  test('a password, a single sign-on and an invite link bring nobody back, or somebody else', async () => {
    const { admin, db, host } = world();
    const userName = freshName('leaver');
    const person = await provision(world(), userName);
    const credentials = await letLogIn(db, person.hostId);
    const { body } = await admin
      .post('/api/admin/invite-link/tokens')
      .send({ name: 'everybody', expiresAt: '2099-01-01T00:00:00Z' })
      .expect(201);
    const invite = (email: string, replica: Host = host): request.Test =>
      request(replica.url).post(`/invite/${body.secret}/signup`).send({ email, name: 'New', password: 'A-Long-Passw0rd-1!' });
    const sso = (): request.Test => request(doors.sso.url).post('/sso/login').send({ email: userName });
    const byPassword = (replica: Host): request.Test => request(replica.url).post('/auth/simple/login').send(credentials);

    await invite(freshName('leaver')).expect(201);
    await sso().expect(200, { id: person.hostId });
    await byPassword(doors.secure).expect(200);
    await wayOut.leave(person, userName);
    for (const replica of [host, doors.secure]) await byPassword(replica).expect(401);
    if (wayOut.forgets === true) {
      const { body: anew } = await invite(userName).expect(201);
      expect(anew.id).not.toBe(person.hostId);
      expect(await rolesOf(db, anew.id)).toEqual([`${VIEWER_ROLE}:default`]);
    } else {
      for (const replica of [host, doors.secure]) await invite(userName, replica).expect(403);
      await sso().expect(403);
      await comeBack(wayOut, person, userName);
      // Where they are they need no invitation.
      await invite(userName).expect(400);
    }
    expect((await hostUser(db, person.hostId)).deleted).toBe(!wayOut.suspends);
  });
});

const FAMILIES: ReadonlyArray<readonly ['get' | 'post', string]> = [
  ['get', '/api/admin/projects'],
  ['get', '/api/admin/user'],
  ['get', '/api/admin/ui-config'],
  ['get', '/api/admin/search/events'],
  ['post', '/api/admin/user/tokens'],
  ['post', '/api/admin/feedback'],
  ['get', '/api/client/features'],
  ['get', '/api/client/features/any'],
  ['post', '/api/client/metrics'],
  ['get', '/api/frontend'],
  ['get', '/api/development/proxy'],
  ['post', '/edge/validate'],
  ['get', '/internal-backstage/prometheus'],
  ['get', '/docs/openapi.json'],
  ['get', '/health'],
  ['get', '/auth/reset/validate'],
  ['get', '/api/nowhere'],
];

const answers =
  (headers: Readonly<Record<string, string>>, before = async (): Promise<unknown> => undefined) =>
  async (host: Host) => {
    const statuses: string[] = [];
    for (const [method, path] of FAMILIES) {
      await before();
      const sent = request(host.url)[method](path).set(headers);
      const { status } = await (method === 'post' ? sent.send({}) : sent);
      statuses.push(`${method} ${path} ${status}`);
    }
    return statuses;
  };

test('a session that outlives its user, and a token that does, open no more than none at all', async () => {
  const { db, host } = world();
  const person = await provision(world(), freshName('leaver'));
  const login = await request(host.url)
    .post('/auth/simple/login')
    .send(await letLogIn(db, person.hostId))
    .expect(200);
  const cookie = String(login.headers['set-cookie']).split(';')[0] ?? '';
  const { body } = await request(host.url)
    .post('/api/admin/user/tokens')
    .set({ cookie })
    .send({ description: 'mine', expiresAt: '2099-01-01T00:00:00Z' })
    .expect(201);
  const nobody = await answers({})(host);
  const stranger = await answers({ authorization: 'user:no-such-token' })(host);
  const both = { cookie, authorization: 'user:no-such-token' };
  expect(await answers({ cookie })(host)).not.toEqual(nobody);
  expect(await answers({ authorization: body.secret })(host)).not.toEqual(stranger);
  expect(await answers(both)(host)).not.toEqual(stranger);

  const [session] = await db.query(`SELECT * FROM unleash_session WHERE sess -> 'user' ->> 'id' = $1::text`, [person.hostId]);
  const [token] = await db.query('SELECT * FROM personal_access_tokens WHERE user_id = $1', [person.hostId]);
  await world().scim.patch(`/Users/${person.id}`, setActive(false)).expect(200);
  const writeBack = (table: string, row: unknown) => (): Promise<unknown> =>
    db.query(`INSERT INTO ${table} SELECT * FROM jsonb_populate_record(NULL::${table}, $1) ON CONFLICT DO NOTHING`, [
      JSON.stringify(row),
    ]);
  for (const replica of [host, doors.secure]) {
    expect(await answers({ cookie }, writeBack('unleash_session', session))(replica)).toEqual(nobody);
    expect(await answers(both, writeBack('unleash_session', session))(replica)).toEqual(stranger);
    expect(await answers({ authorization: body.secret }, writeBack('personal_access_tokens', token))(replica)).toEqual(stranger);
  }
});
