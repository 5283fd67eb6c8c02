import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { scim as clientOf, type Session } from '../support/clients.js';
import { type Host, startHost } from '../support/host-process.js';
import {
  ADMIN_ROLE,
  endOfLog,
  eventsSince,
  type Provisioned,
  patchBody,
  provision,
  setActive,
  userBody,
  VIEWER_ROLE,
} from '../support/provisioning.js';
import { managedSession, setRootRole } from '../support/roles.js';
import { withWorld } from '../support/test-world.js';

const world = withWorld();
/** Makes API tokens of the newer kind, where the host has one. */
let secure: Host;

beforeAll(async () => {
  secure = await startHost({ database: world().db, env: { UNLEASH_EXPERIMENTAL_SECURE_TOKEN: 'true' } });
});
afterAll(() => secure?.stop());

const TOKENS = '/api/admin/api-tokens';
const BULK = 'urn:ietf:params:scim:api:messages:2.0:BulkRequest';

interface Author {
  readonly person: Provisioned;
  readonly session: Session;
}

/** A person who may make API tokens. */
const author = async (userName: string, host: Host = world().host): Promise<Author> => {
  const person = await provision(world(), userName);
  await setRootRole(world().db, person.hostId, ADMIN_ROLE);
  return { person, session: await managedSession({ ...world(), host }, person.hostId) };
};

const demote = ({ person }: Author): Promise<void> => setRootRole(world().db, person.hostId, VIEWER_ROLE);

const make = async ({ session }: Author, tokenName: string, more: object = {}): Promise<string> => {
  const token = { tokenName, type: 'client', environment: 'development', projects: ['default'], ...more };
  const { body } = await session.post(TOKENS).send(token).expect(201);
  return body.secret;
};

const named = (tokenName: string, more: object = {}): object => ({
  tokenName,
  type: expect.stringMatching(/^(client|backend)$/),
  environment: 'development',
  projects: ['default'],
  ...more,
});

/** What the one event since `mark` that says that the person left has to tell. */
const farewell = async (mark: number, { person }: Author): Promise<Record<string, unknown>> => {
  const events = (await eventsSince(world().db, mark)).filter(
    ({ type, pre_data }) => type === 'user-deleted' && pre_data?.id === person.hostId,
  );
  expect(events).toHaveLength(1);
  return events[0]?.pre_data ?? {};
};

const WAYS: ReadonlyArray<readonly [string, (author: Author) => Promise<unknown>]> = [
  ['PATCH active false', ({ person }) => world().scim.patch(`/Users/${person.id}`, setActive(false)).expect(200).then()],
  [
    'PATCH active false with another change',
    ({ person }) =>
      world()
        .scim.patch(`/Users/${person.id}`, patchBody({ op: 'replace', value: { active: false, title: 'Former' } }))
        .expect(200)
        .then(),
  ],
  [
    'PUT active false',
    ({ person }) =>
      world()
        .scim.put(`/Users/${person.id}`, userBody(`put-${person.hostId}@example.com`, { active: false }))
        .expect(200)
        .then(),
  ],
  ['DELETE', ({ person }) => world().scim.delete(`/Users/${person.id}`).expect(204).then()],
  [
    'Bulk',
    ({ person }) =>
      world()
        .scim.post('/Bulk', {
          schemas: [BULK],
          Operations: [{ method: 'PATCH', path: `/Users/${person.id}`, data: setActive(false) }],
        })
        .expect(200)
        .then(),
  ],
  ['"Delete SCIM Users"', () => world().admin.delete('/api/admin/user-admin/scim-users').expect(200).then()],
];

describe.each([
  ['a person', async (gone: Author) => demote(gone)],
  // Their changes are decided in a transaction.
  ['an admin', async () => undefined],
] as const)('%s who leaves API tokens behind', (who, prepare) => {
  test.each(WAYS)('is told of with them by %s, and the tokens go on to work', async (way, leave) => {
    const { db, host } = world();
    const gone = await author(`${who}-${way}@example.com`.replaceAll(/[^a-zA-Z@.]/g, ''));
    const name = `${who} ${way}`;
    const secret = await make(gone, name);
    const wideSecret = await make(gone, `${name} everywhere`, { projects: ['*'] });
    await prepare(gone);
    const mark = await endOfLog(db);
    await leave(gone);

    const told = await farewell(mark, gone);
    expect(told).toMatchObject({ id: gone.person.hostId, email: expect.any(String) });
    expect(told.apiTokens).toEqual([named(name), named(`${name} everywhere`, { projects: ['*'] })]);
    for (const token of [secret, wideSecret]) {
      const random = token.slice(token.indexOf('.') + 1);
      expect(random.length).toBeGreaterThan(40);
      for (let from = 0; from + 6 <= random.length; from += 6) {
        expect(JSON.stringify(told)).not.toContain(random.slice(from, from + 6));
      }
      await request(host.url).get('/api/client/features').set('authorization', token).expect(200);
    }
  });

  test('is told of with them once more where they are deleted after the suspension', async () => {
    const { db, scim } = world();
    const gone = await author(`${who}-twice@example.com`.replace(' ', '-'));
    await make(gone, `${who} twice`);
    await prepare(gone);
    await scim.patch(`/Users/${gone.person.id}`, setActive(false)).expect(200);
    const mark = await endOfLog(db);
    await scim.delete(`/Users/${gone.person.id}`).expect(204);
    expect((await farewell(mark, gone)).apiTokens).toEqual([named(`${who} twice`)]);
  });
});

test("is told of with tokens of Unleash's newer kind", async () => {
  const { db } = world();
  const gone = await author('newer@example.com', secure);
  const secret = await make(gone, 'newer', { projects: ['default'] });
  await make(gone, 'newer everywhere', { projects: ['*'] });
  await demote(gone);
  const mark = await endOfLog(db);
  await clientOf(secure).delete(`/Users/${gone.person.id}`).expect(204);
  const told = await farewell(mark, gone);
  expect(told.apiTokens).toEqual([named('newer'), named('newer everywhere', { projects: ['*'] })]);
  // The selector is the part of the secret that comes after `v2_`.
  const random = secret.slice(secret.indexOf('.') + 1).replace('v2_', '');
  expect(JSON.stringify(told)).not.toContain(random.slice(0, 6));
});

test('names neither what was revoked, nor what has expired, nor a token of somebody else with the same name', async () => {
  const { db, scim } = world();
  const [gone, other] = [await author('some@example.com'), await author('other@example.com')];
  await make(gone, 'shared name');
  await make(other, 'shared name');
  const revoked = await make(gone, 'revoked');
  await make(gone, 'expired', { expiresAt: '2099-01-01T00:00:00Z' });
  await gone.session.delete(`${TOKENS}/${revoked}`).expect(200);
  await db.query(`UPDATE api_tokens SET expires_at = now() - interval '1 day' WHERE token_name = 'expired'`);
  await demote(gone);
  const mark = await endOfLog(db);
  await scim.patch(`/Users/${gone.person.id}`, setActive(false)).expect(200);
  expect((await farewell(mark, gone)).apiTokens).toEqual([named('shared name')]);
});

test("is shown by Unleash's event log", async () => {
  const { admin, db, scim } = world();
  const gone = await author('shown@example.com');
  await make(gone, 'shown');
  await demote(gone);
  const mark = await endOfLog(db);
  await scim.patch(`/Users/${gone.person.id}`, setActive(false)).expect(200);
  await farewell(mark, gone);
  for (const path of ['/api/admin/events', '/api/admin/search/events?type=IS:user-deleted']) {
    const { body } = await admin.get(path).expect(200);
    const shown = body.events.filter(
      ({ preData }: { readonly preData?: { readonly id: number } }) => preData?.id === gone.person.hostId,
    );
    expect([path, shown]).toEqual([path, [expect.objectContaining({ type: 'user-deleted' })]]);
    expect(shown[0].preData.apiTokens).toEqual([named('shown')]);
  }
});
