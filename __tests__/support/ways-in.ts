import { expect } from '@jest/globals';
import request from 'supertest';
import { credentialsOf, letLogIn } from './credentials.js';
import type { Database } from './database.js';
import { holdTable, untilHeldUp } from './held-table.js';
import type { Host } from './host-process.js';
import { hostUser, type Provisioned } from './provisioning.js';

/** Replicas on one database. `sso` has single sign-on; `secure` makes tokens of Unleash's newer kind, where it has one. */
export interface Doors {
  readonly db: Database;
  readonly plain: Host;
  readonly secure: Host;
  readonly sso: Host;
}

/** Tries a credential at all replicas that take it. The answers are HTTP statuses. */
export type Use = () => Promise<readonly number[]>;
type Obtain = (doors: Doors, person: Provisioned) => Promise<Use>;

/** Something that lets a person in. */
export interface WayIn {
  readonly name: string;
  /** Gets hold of it, lets the person leave, at the worst moment or after it was seen to work, and gives it back for another try. */
  held(doors: Doors, person: Provisioned, leave: () => Promise<unknown>): Promise<Use>;
}

const EVERYWHERE = '/api/admin/projects';
const STRONG_PASSWORD = 'A-Long-Passw0rd-Of-Mine!';

const everywhere =
  ({ plain, secure }: Doors, headers: Readonly<Record<string, string>>): Use =>
  () =>
    Promise.all([plain, secure].map(async ({ url }) => (await request(url).get(EVERYWHERE).set(headers)).status));

const cookieOf = (answer: request.Response): string => String(answer.headers['set-cookie']).split(';')[0] ?? '';

const emailOf = async ({ db }: Doors, { hostId }: Provisioned): Promise<string> => (await hostUser(db, hostId)).email ?? '';

const logIn = async ({ db, plain }: Doors, { hostId }: Provisioned): Promise<string> =>
  cookieOf(
    await request(plain.url)
      .post('/auth/simple/login')
      .send(await letLogIn(db, hostId))
      .expect(200),
  );

const makeToken = (host: Host, cookie: string): request.Test =>
  request(host.url)
    .post('/api/admin/user/tokens')
    .set({ cookie })
    .send({ description: 'mine', expiresAt: '2099-01-01T00:00:00Z' })
    .expect(201);

const resetToken = async (doors: Doors, host: Host, person: Provisioned): Promise<string> => {
  const email = await emailOf(doors, person);
  await request(host.url).post('/auth/reset/password-email').send({ email }).expect(200);
  const [row] = await doors.db.query<{ token: string }>(
    'SELECT reset_token AS token FROM reset_tokens WHERE user_id = $1 AND used_at IS NULL ORDER BY created_at DESC LIMIT 1',
    [person.hostId],
  );
  return row?.token ?? '';
};

const setPassword = (host: Host, token: string): request.Test =>
  request(host.url).post('/auth/reset/password').send({ token, password: STRONG_PASSWORD });

/** What works before, on every replica, and is tried again after. */
const seenToWork = (name: string, obtain: Obtain): WayIn => ({
  name,
  held: async (doors, person, leave) => {
    const use = await obtain(doors, person);
    expect(new Set(await use())).toEqual(new Set([200]));
    await leave();
    return use;
  },
});

/** A login that has found the person while they were there, and is held up until they are gone. */
const loginInTheSameInstant = (
  name: string,
  login: (doors: Doors, credentials: { readonly username: string; readonly password: string }) => request.Test,
): WayIn => ({
  name,
  held: async (doors, person, leave) => {
    const { db } = doors;
    const credentials = await letLogIn(db, person.hostId);
    // Whoever leaves has their row locked when they lose the link to an invite.
    const held = await holdTable(db, 'public_signup_tokens_user');
    const leaving = leave();
    await untilHeldUp(db);
    const answered = login(doors, credentials)
      .expect(200)
      .then((answer) => answer);
    await untilHeldUp(db, { count: 2 });
    await held.release();
    const [answer] = await Promise.all([answered, leaving]);
    expect((await credentialsOf(db, person.hostId)).sessions).toBe(1);
    return everywhere(doors, { cookie: cookieOf(answer) });
  },
});

export const WAYS_IN: readonly WayIn[] = [
  seenToWork('a session from a login with a password', async (doors, person) =>
    everywhere(doors, { cookie: await logIn(doors, person) }),
  ),
  seenToWork('a session from a single sign-on', async (doors, person) => {
    const email = await emailOf(doors, person);
    return everywhere(doors, { cookie: cookieOf(await request(doors.sso.url).post('/sso/login').send({ email }).expect(200)) });
  }),
  {
    name: 'a session that a request under way writes back',
    held: async (doors, person, leave) => {
      const { db, plain } = doors;
      const cookie = await logIn(doors, person);
      const held = await holdTable(db, 'context_fields');
      // Unleash 8 stores the session once more after the first request with it.
      const under = request(plain.url)
        .get('/api/admin/context')
        .set({ cookie })
        .expect(200)
        .then((answer) => answer);
      await untilHeldUp(db);
      await leave();
      await held.release();
      await under;
      const { sessions } = await credentialsOf(db, person.hostId);
      expect(sessions).toBe(process.env.HOST_PACKAGE === undefined ? 1 : 0);
      return everywhere(doors, { cookie });
    },
  },
  loginInTheSameInstant('a session from a login in the same instant', ({ plain }, credentials) =>
    request(plain.url).post('/auth/simple/login').send(credentials),
  ),
  loginInTheSameInstant('a session from a single sign-on in the same instant', ({ sso }, { username }) =>
    request(sso.url).post('/sso/login').send({ email: username }),
  ),
  seenToWork('a personal access token', async (doors, person) => {
    const { body } = await makeToken(doors.plain, await logIn(doors, person));
    return everywhere(doors, { authorization: body.secret });
  }),
  seenToWork("a personal access token of Unleash's newer kind", async (doors, person) => {
    const { body } = await makeToken(doors.secure, await logIn(doors, person));
    expect(body.secret.includes('v2_')).toBe(process.env.HOST_PACKAGE === undefined);
    return everywhere(doors, { authorization: body.secret });
  }),
  {
    name: 'a personal access token made in the same instant',
    held: async (doors, person, leave) => {
      const { db, plain } = doors;
      const cookie = await logIn(doors, person);
      await everywhere(doors, { cookie })();
      const held = await holdTable(db, 'personal_access_tokens');
      const made = makeToken(plain, cookie).then((answer) => answer);
      await untilHeldUp(db);
      const leaving = leave();
      await untilHeldUp(db, { count: 2 });
      await held.release();
      const [{ body }] = await Promise.all([made, leaving]);
      expect((await credentialsOf(db, person.hostId)).tokens).toBe(1);
      return everywhere(doors, { authorization: body.secret });
    },
  },
  seenToWork('a link to reset the password, looked at', async (doors, person) => {
    const token = await resetToken(doors, doors.plain, person);
    return () =>
      Promise.all(
        [doors.plain, doors.secure].map(
          async ({ url }) => (await request(url).get('/auth/reset/validate').query({ token })).status,
        ),
      );
  }),
  {
    name: 'a link to reset the password, used',
    held: async (doors, person, leave) => {
      // It works once only, so another one is seen to work.
      await setPassword(doors.plain, await resetToken(doors, doors.plain, person)).expect(200);
      const token = await resetToken(doors, doors.secure, person);
      await leave();
      return () => Promise.all([doors.plain, doors.secure].map(async (host) => (await setPassword(host, token)).status));
    },
  },
];
