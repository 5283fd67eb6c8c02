import { expect, test } from '@jest/globals';
import { untilHeldUp } from '../support/held-table.js';
import { withOpenTransactions } from '../support/host-clients.js';
import { patchBody, provision, userBody } from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';

const world = withWorld();

interface Outcome {
  readonly status: string;
  readonly response?: { readonly detail: string };
}

const hold = withOpenTransactions(() => world().db);

const bulk = async (...Operations: readonly object[]): Promise<readonly Outcome[]> =>
  (await world().scim.post('/Bulk', { Operations }).expect(200)).body.Operations;

const rename = (id: string, displayName: string): object => ({
  method: 'PATCH',
  path: `/Users/${id}`,
  data: patchBody({ op: 'replace', path: 'displayName', value: displayName }),
});

const create = (userName: string): object => ({ method: 'POST', path: '/Users', bulkId: userName, data: userBody(userName) });

test('a connection that ends while people are created together takes no answer of what was done before along', async () => {
  const { db, scim } = world();
  const { id } = await provision(world(), 'before@example.com');
  const client = await hold(`INSERT INTO users (name, email) VALUES ('Other', 'one@example.com')`, []);
  const sent = bulk(rename(id, 'Done'), create('one@example.com'), create('two@example.com'));
  await db.query('SELECT pg_terminate_backend($1)', await untilHeldUp(world().db, { of: 'unleash-scim' }));
  await client.query('ROLLBACK');
  const statuses = (await sent).map(({ status }) => status);
  expect(statuses[0]).toBe('200');
  expect((await scim.get(`/Users/${id}`).expect(200)).body.displayName).toBe('Done');
  for (const [place, userName] of ['one@example.com', 'two@example.com'].entries()) {
    const created = await db.query('SELECT 1 FROM scim_users WHERE user_name = $1', [userName]);
    expect(statuses[place + 1]).toBe(created.length === 1 ? '201' : '503');
  }
});

test.each([
  ['is switched off', { enabled: false }, '403', /switched off/],
  ['gets another token', undefined, '401', /No valid token/],
])(
  'operations that come after SCIM %s say so, what waits at that moment is undone, and what was before stays done',
  async (_name, body, status, detail) => {
    const { admin, db } = world();
    const [token] = await db.query('SELECT hash FROM scim_token');
    const { id, hostId } = await provision(world(), `switch-${status}@example.com`);
    const client = await hold('SELECT 1 FROM users WHERE id = $1 FOR UPDATE', [hostId]);
    const sent = bulk(create(`first-${status}@example.com`), rename(id, 'Waits'), rename(id, 'Too late'));
    await untilHeldUp(world().db, { of: 'unleash-scim' });
    // The page answers when nothing that was let in before is under way.
    const [path, content] = body === undefined ? ['/generate-new-token', {}] : ['', body];
    await admin.post(`/api/admin/scim-settings${path}`).send(content).expect(200);
    await client.query('COMMIT');
    const outcomes = await sent;
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['201', '503', status]);
    expect(outcomes[2]?.response?.detail).toMatch(detail);
    await admin.post('/api/admin/scim-settings').send({ enabled: true }).expect(200);
    await db.query('UPDATE scim_token SET hash = $1', [token?.hash]);
    expect(await db.query('SELECT name FROM users WHERE id = $1', [hostId])).toEqual([{ name: null }]);
    expect(await db.query('SELECT 1 FROM users WHERE email = $1', [`first-${status}@example.com`])).toHaveLength(1);
  },
);
