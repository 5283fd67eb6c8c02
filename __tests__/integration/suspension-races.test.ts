import { describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { untilHeldUp } from '../support/held-table.js';
import { withOpenTransactions } from '../support/host-clients.js';
import {
  addMembers,
  endOfLog,
  freshName,
  hostUser,
  type Provisioned,
  patchBody,
  provision,
  provisionGroup,
  setActive,
  typesSince,
  userBody,
} from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';

const world = withWorld();
const hold = withOpenTransactions(() => world().db);

const TOKEN = '(SELECT number FROM scim_token)';
const CALLER = `'SCIM token #1', -1337, NULL`;
const suspending = ({ id }: Provisioned): Promise<pg.Client> =>
  hold(`SELECT scim_suspend_person(${TOKEN}, $1, NULL, ${CALLER})`, [id]);
const resuming = ({ id }: Provisioned): Promise<pg.Client> =>
  hold(`SELECT scim_resume_person(${TOKEN}, $1, NULL, 'Viewer', ${CALLER})`, [id]);

const emails = (value: string): object => ({ emails: [{ value, primary: true }] });

const statusOf = async (sent: PromiseLike<{ readonly status: number; readonly body: unknown }>): Promise<readonly number[]> => {
  const { status, body } = await sent;
  const operations = typeof body === 'object' && body !== null && 'Operations' in body ? body.Operations : undefined;
  return Array.isArray(operations) ? operations.map((operation) => Number(operation.status)) : [status];
};

describe('an e-mail whose owner is being suspended goes to nobody else', () => {
  test.each<readonly [string, (email: string, other: Provisioned) => Promise<readonly number[]>, readonly number[]]>([
    ['who is created', (email) => statusOf(world().scim.post('/Users', userBody(freshName('new'), emails(email)))), [409]],
    [
      'who is created suspended',
      (email) => statusOf(world().scim.post('/Users', userBody(freshName('new'), { ...emails(email), active: false }))),
      [409],
    ],
    [
      'who is created among others',
      (email) => {
        const create = (data: object, bulkId: string) => ({ method: 'POST', path: '/Users', bulkId, data });
        const Operations = [create(userBody(freshName('new'), emails(email)), 'a'), create(userBody(freshName('new')), 'b')];
        return statusOf(world().scim.post('/Bulk', { Operations }));
      },
      [409, 201],
    ],
    [
      'who gets it by PUT',
      (email, { id }) => statusOf(world().scim.put(`/Users/${id}`, userBody(freshName('put'), emails(email)))),
      [409],
    ],
    [
      'who gets it by PATCH, with another name',
      (email, { id }) =>
        statusOf(
          world().scim.patch(
            `/Users/${id}`,
            patchBody({ op: 'replace', path: 'emails', value: [{ value: email }] }, { op: 'replace', path: 'title', value: 'T' }),
          ),
        ),
      [409],
    ],
  ])('%s', async (_name, send, statuses) => {
    const { db } = world();
    const email = freshName('owner');
    const owner = await provision(world(), email);
    const other = await provision(world(), freshName('other'));
    const client = await suspending(owner);
    const sent = send(email, other);
    // Whoever would only change their own is refused without waiting.
    await Promise.race([untilHeldUp(world().db), sent]);
    await client.query('COMMIT');
    expect(await sent).toEqual(statuses);
    expect(await db.query('SELECT user_id FROM scim_users WHERE host_email = $1', [email])).toEqual([{ user_id: owner.hostId }]);
    await world().scim.patch(`/Users/${owner.id}`, setActive(true)).expect(200);
  });
});

test('a suspended person does not get the e-mail of somebody who is being created', async () => {
  const { db, scim } = world();
  const away = await provision(world(), freshName('away'));
  await scim.patch(`/Users/${away.id}`, setActive(false)).expect(200);
  const email = freshName('taken');
  const client = await hold(
    `SELECT scim_create_person(${TOKEN}, $1, $1, NULL, '{}', '{}', NULL, NULL, $1, 'Viewer', ${CALLER})`,
    [email],
  );
  const sent = statusOf(scim.patch(`/Users/${away.id}`, patchBody({ op: 'replace', path: 'emails', value: [{ value: email }] })));
  await untilHeldUp(world().db);
  await client.query('COMMIT');
  expect(await sent).toEqual([409]);
  expect(await db.query('SELECT scim_id FROM scim_users WHERE host_email = $1', [email])).toEqual([{ scim_id: email }]);
});

test('a suspended person gets an e-mail that is free, and their row in Unleash has none', async () => {
  const { db, scim } = world();
  const away = await provision(world(), freshName('away'));
  await scim.patch(`/Users/${away.id}`, setActive(false)).expect(200);
  const email = freshName('free');
  await scim.patch(`/Users/${away.id}`, patchBody({ op: 'replace', path: 'emails', value: [{ value: email }] })).expect(200);
  expect((await hostUser(db, away.hostId)).email).toBeNull();
  await scim.patch(`/Users/${away.id}`, setActive(true)).expect(200);
  expect((await hostUser(db, away.hostId)).email).toBe(email);
});

describe('the button that deletes the people', () => {
  const press = () => statusOf(world().admin.delete('/api/admin/user-admin/scim-users'));

  test.each<readonly [string, boolean, (person: Provisioned) => Promise<pg.Client>]>([
    ['resumed', true, resuming],
    ['suspended', false, suspending],
  ])('takes who is being %s at that moment', async (_name, startsAway, moving) => {
    const { db, scim } = world();
    const person = await provision(world(), freshName('moving'));
    if (startsAway) await scim.patch(`/Users/${person.id}`, setActive(false)).expect(200);
    const client = await moving(person);
    const sent = press();
    await untilHeldUp(world().db);
    await client.query('COMMIT');
    expect(await sent).toEqual([200]);
    expect(await hostUser(db, person.hostId)).toMatchObject({ deleted: true, scim_id: null });
    expect(await db.query('SELECT 1 FROM scim_users WHERE user_id = $1', [person.hostId])).toEqual([]);
  });

  test('lets nobody who is suspended enter a group behind its back: 400', async () => {
    const { db, scim } = world();
    const away = await provision(world(), freshName('away'));
    await scim.patch(`/Users/${away.id}`, setActive(false)).expect(200);
    const group = await provisionGroup(world(), freshName('group'));
    // Whoever is deleted is counted last.
    const client = await hold('LOCK TABLE scim_page_counts IN EXCLUSIVE MODE');
    const sent = press();
    await untilHeldUp(world().db);
    const mark = await endOfLog(db);
    const entering = statusOf(scim.patch(`/Groups/${group.id}`, addMembers(away.id)));
    await new Promise((resolve) => setTimeout(resolve, 100));
    await client.query('COMMIT');
    expect([await sent, await entering]).toEqual([[200], [400]]);
    expect(await typesSince(db, mark)).not.toContain('group-user-added');
  });
});
