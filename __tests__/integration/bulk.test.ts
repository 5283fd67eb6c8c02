import { expect, test } from '@jest/globals';
import { createLocalUser } from '../support/clients.js';
import { withWorld } from '../support/test-world.js';

const world = withWorld();

interface Outcome {
  readonly bulkId: string;
  readonly status: string;
  readonly location?: string;
  readonly response?: { readonly scimType?: string };
}

const create = (bulkId: string, data: object) => ({ method: 'POST', path: '/Users', bulkId, data });

const send = async (operations: readonly object[], more: object = {}): Promise<readonly Outcome[]> => {
  const { body } = await world()
    .scim.post('/Bulk', { ...more, Operations: operations })
    .expect(200);
  return body.Operations;
};

const countOf = async (userNames: readonly string[]): Promise<number> => {
  const [row] = await world().db.query<{ people: number }>(
    'SELECT count(*)::integer AS people FROM scim_users WHERE user_name = ANY($1)',
    [userNames],
  );
  return row?.people ?? 0;
};

/** Waits for what the statistics of Postgres lag behind. */
const commits = async (): Promise<number> => {
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const [row] = await world().db.query<{ commits: string }>(
    'SELECT xact_commit AS commits FROM pg_stat_database WHERE datname = current_database()',
  );
  return Number(row?.commits);
};

test('answers each of many creates as if it had come alone', async () => {
  const { scim, admin, db } = world();
  const local = await createLocalUser(admin, { username: 'bulk-local', name: 'Local' });
  await scim.post('/Users', { userName: 'bulk-known', externalId: 'bulk-x' }).expect(201);

  const outcomes = await send([
    create('new', { userName: 'bulk-new', emails: [{ value: 'bulk-new@example.com' }], title: 'Tester' }),
    create('known', { userName: 'BULK-KNOWN' }),
    create('same id', { userName: 'bulk-other', externalId: 'bulk-x' }),
    create('repeated', { userName: 'Bulk-New' }),
    create('address taken', { userName: 'bulk-mail', emails: [{ value: 'BULK-NEW@example.com' }] }),
    create('adopted', { userName: 'bulk-local' }),
    create('suspended', { userName: 'bulk-suspended', active: false }),
    create('nameless', { displayName: 'Nobody' }),
    create('recovery admin', { userName: 'Admin' }),
    create('last', { userName: 'bulk-last' }),
  ]);

  expect(outcomes.map(({ bulkId, status }) => `${bulkId} ${status}`)).toEqual([
    'new 201',
    'known 409',
    'same id 409',
    'repeated 409',
    'address taken 409',
    'adopted 201',
    'suspended 201',
    'nameless 400',
    'recovery admin 409',
    'last 201',
  ]);
  const [first] = outcomes;
  const { body } = await scim.get(`/Users/${first?.location?.split('/').at(-1)}`).expect(200);
  expect(body).toMatchObject({ userName: 'bulk-new', title: 'Tester', active: true });
  const [adopted] = await db.query<{ scim_id: string | null }>('SELECT scim_id FROM users WHERE id = $1', [local.id]);
  expect(adopted?.scim_id).toBe(outcomes[5]?.location?.split('/').at(-1));
});

test('writes for each of many people the role and the event that one alone would have', async () => {
  const { db } = world();
  const names = Array.from({ length: 60 }, (_, i) => `bulk-role-${i}@example.com`);
  const outcomes = await send(names.map((userName, i) => create(`r${i}`, { userName, displayName: `Person ${i}` })));
  expect(outcomes.every(({ status }) => status === '201')).toBe(true);
  const rows = await db.query(
    `SELECT u.name, u.email, u.username, r.name AS role, e.data, e.created_by, u.email_hash = encode(sha256(u.email::bytea), 'hex') AS hashed
     FROM users u JOIN role_user ru ON ru.user_id = u.id JOIN roles r ON r.id = ru.role_id
     JOIN events e ON e.type = 'user-created' AND e.data ->> 'id' = u.id::text
     WHERE u.email = ANY($1) ORDER BY e.id`,
    [names],
  );
  expect(rows).toHaveLength(60);
  rows.forEach((row, i) => {
    expect(row).toMatchObject({ name: `Person ${i}`, email: names[i], username: null, role: 'Viewer', hashed: true });
    expect(row).toMatchObject({ created_by: 'SCIM token #1', data: { name: `Person ${i}`, email: names[i], rootRole: 3 } });
  });
});

test('needs few transactions for many people', async () => {
  const operations = Array.from({ length: 500 }, (_, i) => create(`t${i}`, { userName: `bulk-many-${i}` }));
  const before = await commits();
  const outcomes = await send(operations);
  expect(outcomes.every(({ status }) => status === '201')).toBe(true);
  // The host's own schedulers commit now and then; five hundred creates one by one would be as many commits.
  expect((await commits()) - before).toBeLessThan(60);
});

test('creates nobody behind the number of errors that ends the request', async () => {
  const outcomes = await send(
    [
      create('a', { userName: 'bulk-before' }),
      create('b', { displayName: 'nameless' }),
      create('c', { userName: 'bulk-behind' }),
    ],
    { failOnErrors: 1 },
  );
  expect(outcomes.map(({ bulkId, status }) => `${bulkId} ${status}`)).toEqual(['a 201', 'b 400']);
  expect(await countOf(['bulk-before', 'bulk-behind'])).toBe(1);
});

test('of two requests that create the same people at the same time each person is made once', async () => {
  for (let round = 0; round < 10; round += 1) {
    const names = Array.from({ length: 20 }, (_, i) => `bulk-race-${round}-${i}`);
    const [ahead, behind] = await Promise.all([
      send(names.map((userName, i) => create(`a${i}`, { userName }))),
      send([...names].reverse().map((userName, i) => create(`b${i}`, { userName: userName.toUpperCase() }))),
    ]);
    const made = [...ahead, ...behind].filter(({ status }) => status === '201');
    expect([...ahead, ...behind].map(({ status }) => status).filter((status) => status !== '201' && status !== '409')).toEqual(
      [],
    );
    expect(made).toHaveLength(names.length);
  }
});
