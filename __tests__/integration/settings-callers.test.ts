import { beforeAll, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { dump } from '../conformance/bad-input/judge.js';
import { adminSession, createLocalUser, type Session } from '../support/clients.js';
import { TEST_TOKEN } from '../support/host-process.js';
import { ADMIN_ROLE, EDITOR_ROLE, SYSTEM_USER_ID, VIEWER_ROLE } from '../support/provisioning.js';
import { callerSessions, setRootRole } from '../support/roles.js';
import { withWorld } from '../support/test-world.js';

const ADMIN_API_TOKEN = '*:*.admin-token-of-this-test-0123456789';
const CLIENT_API_TOKEN = 'default:development.client-token-of-this-test-0123456789';
const PASSWORD = 'a-Strong-Enough-1-Password';
const SETTINGS = '/api/admin/scim-settings';
const NOBODY = 2_147_483_647;

type Method = 'get' | 'post' | 'put' | 'delete';

interface Route {
  readonly method: Method;
  readonly path: string;
  readonly body?: object;
}

/** Ours, and a route of the host's own that does the same kind of thing, which an ADMIN alone may use. */
const routes: readonly (Route & { readonly twin: Route; readonly alsoFor?: 'authentication manager' })[] = [
  { method: 'get', path: SETTINGS, twin: { method: 'get', path: '/api/admin/user-admin' }, alsoFor: 'authentication manager' },
  {
    ...{ method: 'post', path: SETTINGS, body: { enabled: true }, alsoFor: 'authentication manager' },
    twin: { method: 'post', path: '/api/admin/user-admin', body: { rootRole: 'none' } },
  },
  {
    ...{ method: 'post', path: `${SETTINGS}/generate-new-token`, alsoFor: 'authentication manager' },
    // It takes no body, as a deletion does.
    twin: { method: 'delete', path: `/api/admin/user-admin/${NOBODY}` },
  },
  ...['/api/admin/user-admin/scim-users', '/api/admin/groups/scim-groups', `/api/admin/groups/${NOBODY}`].map((path) => ({
    ...{ method: 'delete' as const, path },
    twin: { method: 'delete' as const, path: `/api/admin/user-admin/${NOBODY}` },
  })),
  { method: 'get', path: '/api/admin/groups', twin: { method: 'get', path: '/api/admin/user-admin' } },
  { method: 'get', path: `/api/admin/groups/${NOBODY}`, twin: { method: 'get', path: `/api/admin/user-admin/${NOBODY}` } },
  {
    ...{ method: 'post', path: '/api/admin/groups', body: { name: '' } },
    twin: { method: 'post', path: '/api/admin/user-admin', body: { rootRole: 'none' } },
  },
  {
    ...{ method: 'put', path: `/api/admin/groups/${NOBODY}`, body: { name: 'x' } },
    twin: { method: 'put', path: `/api/admin/user-admin/${NOBODY}`, body: { name: 'x' } },
  },
];

const FOREIGN = 'https://evil.example';
const JSON_TYPE = 'application/json';

/** Headers as the pages send them, and as a page of another site could. */
const manners: readonly (readonly [name: string, origin: string | undefined, type: string | undefined])[] = [
  ['as a program', undefined, JSON_TYPE],
  ['from the same origin', 'self', JSON_TYPE],
  ['from a foreign origin', FOREIGN, JSON_TYPE],
  ['without a media type', undefined, undefined],
  ['as text', undefined, 'text/plain'],
  ['as SCIM', 'self', 'application/scim+json'],
  ['as a foreign form', FOREIGN, 'application/x-www-form-urlencoded'],
  ['as a form with parts', 'null', 'multipart/form-data; boundary=x'],
];

const MAY_ALL = [
  'admin',
  "an admin's personal access token",
  'an admin API token',
  'a service account that is an admin',
] as const;
const MAY_NOT = [
  ...(['editor', 'viewer', 'nobody', 'a client API token', 'the SCIM token', 'a wrong token'] as const),
  ...(["an editor's personal access token", "a viewer's personal access token"] as const),
];
const CALLERS = [...MAY_ALL, 'authentication manager', ...MAY_NOT] as const;
type Caller = (typeof CALLERS)[number];

describe('who may use the routes of the pages', () => {
  const world = withWorld({
    env: { INIT_ADMIN_API_TOKENS: ADMIN_API_TOKEN, INIT_CLIENT_API_TOKENS: CLIENT_API_TOKEN },
  });
  const agents = new Map<Caller, (method: Method, path: string) => request.Test>();

  const bySession = (session: Session) => (method: Method, path: string) => session[method](path);
  const byHeader = (token: string) => (method: Method, path: string) =>
    request(world().host.url)[method](path).set('Authorization', token);

  const personalToken = async (username: string, rootRole: number) => {
    const { id } = await createLocalUser(world().admin, { username, name: username, password: PASSWORD });
    await setRootRole(world().db, id, rootRole);
    const session = await adminSession(world().host, username, PASSWORD);
    const body = { description: username, expiresAt: new Date(Date.now() + 86_400_000).toISOString() };
    const answer = await session.post('/api/admin/user/tokens').send(body).expect(201);
    return { id, secret: String(answer.body.secret) };
  };

  beforeAll(async () => {
    const sessions = await callerSessions(world());
    for (const [caller, session] of Object.entries(sessions)) agents.set(caller as keyof typeof sessions, bySession(session));
    const service = await personalToken('token-service', ADMIN_ROLE);
    await world().db.query('UPDATE users SET is_service = true WHERE id = $1', [service.id]);
    agents
      .set("an admin's personal access token", byHeader((await personalToken('token-admin', ADMIN_ROLE)).secret))
      .set("an editor's personal access token", byHeader((await personalToken('token-editor', EDITOR_ROLE)).secret))
      .set("a viewer's personal access token", byHeader((await personalToken('token-viewer', VIEWER_ROLE)).secret))
      .set('a service account that is an admin', byHeader(service.secret))
      .set('an admin API token', byHeader(ADMIN_API_TOKEN))
      .set('a client API token', byHeader(CLIENT_API_TOKEN))
      .set('the SCIM token', byHeader(`Bearer ${TEST_TOKEN}`))
      .set('a wrong token', byHeader('*:*.wrong'));
  });

  const ask = async (caller: Caller, route: Route, manner: (typeof manners)[number]) => {
    const agent = agents.get(caller);
    if (agent === undefined) throw new Error(`nobody is ${caller}`);
    const [, origin, type] = manner;
    const asked = agent(route.method, route.path);
    if (origin !== undefined) asked.set('Origin', origin === 'self' ? world().host.url : origin);
    if (type !== undefined) asked.set('Content-Type', type);
    if (route.body === undefined) return asked;
    const text = type === JSON_TYPE ? JSON.stringify(route.body) : 'enabled=true';
    return asked.serialize(() => text).send(type === undefined ? undefined : text);
  };

  /** 401, 403 and 415 are the guards'; behind them it is the route that answers. */
  const verdict = (status: number): string => ([401, 403, 415].includes(status) ? String(status) : 'let in');

  const known = new Map<string, Promise<string>>();
  const verdictOfTwin = (caller: Caller, twin: Route, manner: (typeof manners)[number]): Promise<string> => {
    const key = `${caller} ${twin.method} ${twin.path} ${manner[0]}`;
    const found = known.get(key) ?? ask(caller, twin, manner).then(({ status }) => verdict(status));
    known.set(key, found);
    return found;
  };

  test.each(CALLERS)('%s: as with the routes of the host', async (caller) => {
    const isRefused = MAY_NOT.some((name) => name === caller);
    const before = await dump(world().db);
    for (const route of routes) {
      for (const manner of manners) {
        const mine = await ask(caller, route, manner);
        const theirs = await verdictOfTwin(route.alsoFor === caller ? 'admin' : caller, route.twin, manner);
        const at = `${route.method} ${route.path} ${manner[0]}`;
        expect([at, verdict(mine.status)]).toEqual([at, theirs]);
        expect(mine.status).toBeLessThan(500);
        expect(mine.headers['access-control-allow-origin']).toBeUndefined();
        if (mine.status >= 400) expect(mine.body).toMatchObject({ message: expect.any(String) });
        if (isRefused) expect([at, [401, 403, 415].includes(mine.status)]).toEqual([at, true]);
        if (isRefused) expect(JSON.stringify(mine.body)).not.toContain('unleash_scim_');
      }
    }
    if (isRefused) expect(await dump(world().db)).toEqual(before);
  });

  test.each(MAY_ALL)('%s may use every one', async (caller) => {
    for (const route of routes) {
      const { status } = await ask(caller, route, ['as a program', undefined, JSON_TYPE]);
      expect([route.path, verdict(status)]).toEqual([route.path, 'let in']);
    }
  });

  test('an authentication manager may use the settings, and nothing else', async () => {
    for (const route of routes) {
      const { status } = await ask('authentication manager', route, ['as a program', undefined, JSON_TYPE]);
      expect([route.path, verdict(status)]).toEqual([route.path, route.alsoFor === undefined ? '403' : 'let in']);
    }
  });

  test('what an API token does is in the event log, by its name', async () => {
    const { db } = world();
    await ask('an admin API token', { method: 'post', path: SETTINGS, body: { enabled: false } }, ['', undefined, JSON_TYPE]);
    await ask('an admin API token', { method: 'post', path: SETTINGS, body: { enabled: true } }, ['', undefined, JSON_TYPE]);
    const [event] = await db.query<{ created_by: string; created_by_user_id: number }>(
      `SELECT created_by, created_by_user_id FROM events WHERE type = 'setting-updated' ORDER BY id DESC LIMIT 1`,
    );
    expect(event?.created_by).toMatch(/admin/i);
    expect(event?.created_by_user_id).not.toBe(SYSTEM_USER_ID);
  });

  test("a session's cookie does not go along with what another site posts", async () => {
    const answer = await request(world().host.url)
      .post('/auth/simple/login')
      .send({ username: 'caller-viewer', password: PASSWORD })
      .expect(200);
    const cookies = [answer.headers['set-cookie'] ?? []].flat();
    expect(cookies).toEqual([expect.stringMatching(/;\s*HttpOnly.*;\s*SameSite=(Lax|Strict)/i)]);
  });
});
