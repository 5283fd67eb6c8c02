import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { createLocalUser } from '../support/clients.js';
import { hostUser, type Provisioned, provision, setActive, userBody } from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';

/** The host with single sign-on that makes unknown people on the spot, and with a public invite link. */
const world = withWorld({ hostOptions: { modulePath: fileURLToPath(new URL('../support/sso-login.js', import.meta.url)) } });

let inviteToken = '';
beforeAll(async () => {
  const { body } = await world()
    .admin.post('/api/admin/invite-link/tokens')
    .send({ name: 'everybody', expiresAt: new Date(Date.now() + 86_400_000).toISOString() })
    .expect(201);
  inviteToken = body.secret;
});

const switchScim = (enabled: boolean): Promise<unknown> =>
  world().admin.post('/api/admin/scim-settings').send({ enabled }).expect(200).then();
afterEach(() => switchScim(true));

const sso = (email: string): request.Test => request(world().host.url).post('/sso/login').send({ email, name: 'By SSO' });
const signUp = (email: string, username?: string): request.Test =>
  request(world().host.url)
    .post(`/invite/${inviteToken}/signup`)
    .send({ email, name: 'By invite', password: 'A-Long-Passw0rd-Of-Mine!', ...(username === undefined ? {} : { username }) });

const liveUsers = (email: string): Promise<unknown[]> =>
  world().db.query('SELECT id FROM users WHERE deleted_at IS NULL AND (email = lower($1) OR lower(username) = lower($1))', [
    email,
  ]);

const LEAVING: ReadonlyArray<readonly [string, (person: Provisioned) => Promise<unknown>]> = [
  ['suspended', (person) => world().scim.patch(`/Users/${person.id}`, setActive(false)).expect(200).then()],
  ['deleted', (person) => world().scim.delete(`/Users/${person.id}`).expect(204).then()],
  ["removed in the host's pages", (person) => world().admin.delete(`/api/admin/user-admin/${person.hostId}`).expect(200).then()],
];

/** Somebody who came, and left in that way. */
const whoLeft = async (how: number, userName: string, more: object = {}): Promise<Provisioned> => {
  const person = await provision(world(), userName, more);
  await LEAVING[how]?.[1](person);
  return person;
};

describe.each(LEAVING.map(([name], how) => [name, how] as const))('a person who was %s', (_name, how) => {
  test('is refused by a single sign-on that would create them, in any case of the e-mail', async () => {
    await whoLeft(how, `left-${how}`, { emails: [{ value: `Sso-Left-${how}@example.com` }] });
    for (const email of [`sso-left-${how}@example.com`, `SSO-LEFT-${how}@EXAMPLE.COM`]) {
      const { body } = await sso(email).expect(403);
      expect(body.message).toMatch(/identity provider must provision them again, or an administrator must create them/);
      expect(await liveUsers(email)).toEqual([]);
    }
  });

  test('is refused by a public invite link, by e-mail or username in any case', async () => {
    await whoLeft(how, `Invited-${how}`, { emails: [{ value: `invited-${how}@example.com` }] });
    await signUp(`INVITED-${how}@example.com`).expect(403);
    await signUp(`somebody-else-${how}@example.com`, `inVITED-${how}`).expect(403);
    expect(await liveUsers(`invited-${how}@example.com`)).toEqual([]);
    expect(await liveUsers(`somebody-else-${how}@example.com`)).toEqual([]);
  });

  test('logs in again once the identity provider has brought them back', async () => {
    const userName = `idp-back-${how}@example.com`;
    const person = await whoLeft(how, userName);
    await sso(userName).expect(403);
    if (how === 0) await world().scim.patch(`/Users/${person.id}`, setActive(true)).expect(200);
    else await world().scim.post('/Users', userBody(userName)).expect(201);
    const { body } = await sso(userName).expect(200);
    expect(body.id === person.hostId).toBe(how === 0);
    expect((await hostUser(world().db, body.id)).deleted).toBe(false);
  });

  test('logs in again once an administrator has created them', async () => {
    const email = `admin-back-${how}@example.com`;
    await whoLeft(how, email);
    await sso(email).expect(403);
    const local = await createLocalUser(world().admin, { email });
    await sso(email).expect(200, { id: local.id });
  });

  test('comes by both ways while SCIM is switched off', async () => {
    const [byLogin, byInvite] = [`off-sso-${how}@example.com`, `off-invite-${how}@example.com`];
    await whoLeft(how, byLogin);
    await whoLeft(how, byInvite);
    await switchScim(false);
    await sso(byLogin).expect(200);
    await signUp(byInvite).expect(201);
  });
});

test('a person who lost their e-mail in the pages before an administrator removed them is refused by either address', async () => {
  const { admin } = world();
  const person = await provision(world(), 'first-address@example.com');
  await switchScim(false);
  await admin
    .put(`/api/admin/user-admin/${person.hostId}`)
    .send({ email: 'second-address@example.com', rootRole: 3 })
    .expect(200);
  await admin.delete(`/api/admin/user-admin/${person.hostId}`).expect(200);
  await switchScim(true);
  await sso('first-address@example.com').expect(403);
  await sso('second-address@example.com').expect(403);
});

test('people whom SCIM never knew come by single sign-on and by the invite link as before', async () => {
  const { body } = await sso('unknown-sso@example.com').expect(200);
  expect(await hostUser(world().db, body.id)).toMatchObject({ email: 'unknown-sso@example.com', scim_id: null });
  await signUp('unknown-invite@example.com', 'unknown-invite').expect(201);
});

test('a local user whom SCIM never knew, and an administrator removed, comes as before', async () => {
  const { admin } = world();
  const local = await createLocalUser(admin, { email: 'local-leaver@example.com' });
  await admin.delete(`/api/admin/user-admin/${local.id}`).expect(200);
  await sso('local-leaver@example.com').expect(200);
});

test('an active person logs in by single sign-on under the name that the identity provider gave them', async () => {
  const { db } = world();
  const person = await provision(world(), 'active-sso@example.com', { displayName: 'By SCIM' });
  await sso('Active-SSO@example.com').expect(200, { id: person.hostId });
  expect(await hostUser(db, person.hostId)).toMatchObject({ name: 'By SCIM', scim_id: person.id });
});
