import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { scim as clientOf, type ScimClient } from '../support/clients.js';
import { createDatabase, type Database } from '../support/database.js';
import { type Host, startHost } from '../support/host-process.js';
import { down } from '../support/migrating.js';
import { hostUser, patchBody, setActive, userBody } from '../support/provisioning.js';

/** People as some years of Unleash Enterprise may have left them: id, name, username, e-mail, external id, all as they stand. */
const ODD: readonly (readonly [
  id: string,
  name: string | null,
  username: string | null,
  email: string | null,
  externalId: string | null,
])[] = [
  ['case-a', 'Same Name', 'Same', 'same-a@example.com', 'Ext-Case'],
  ['case-b', 'same name', 'same', 'same-b@example.com', 'ext-case'],
  ['case-c', 'SAME NAME', null, 'same-c@example.com', 'EXT-CASE'],
  ['no-email', 'No E-mail', 'no-email', null, 'ext-no-email'],
  ['no-username', null, null, 'no-username@example.com', null],
  ['nothing', null, null, null, null],
  ['long', 'n'.repeat(255), 'u'.repeat(255), `${'e'.repeat(243)}@example.com`, 'x'.repeat(255)],
  ['empty-names', null, '', '', ''],
  ['fallback-a', null, 'fallback', 'fallback-a@example.com', null],
  ['fallback-b', null, 'FALLBACK', null, null],
  ['fallback-c', null, 'Fallback', null, null],
  ['email-is-another-username', null, 'Same-A@example.com', 'other@example.com', 'ext "quoted"'],
  ['spaces and / slash', ' Space ', ' space ', null, ' ext '],
  ['quote"\\back', '<b>Quote</b> " \\', 'quote"\\', null, '\\"'],
  ['ünïcode-☃-🦄', 'Ünïcode ☃ 🦄', 'ünïcode', 'ünïcode@example.com', '☃'],
  ['percent%2F?#&=', null, 'percent', null, '%'],
  ["';DROP TABLE users;--", null, 'bobby', null, "';--"],
  ['..', null, 'dots', null, '..'],
];

const MANY = 20_000;

let db: Database;
let host: Host;
let scim: ScimClient;
/** What of the host's rows must be as it was. */
let before: readonly unknown[];

const hostRows = async (): Promise<readonly unknown[]> => [
  await db.query('SELECT id, name, username, email, email_hash, scim_id, scim_external_id, deleted_at FROM users ORDER BY id'),
  await db.query('SELECT id, name, scim_id, scim_external_id FROM groups ORDER BY id'),
  await db.query('SELECT group_id, user_id FROM group_user ORDER BY 1, 2'),
  await db.query(`SELECT id, type FROM events WHERE type LIKE 'user-%' OR type LIKE 'group-%' ORDER BY id`),
];

beforeAll(async () => {
  db = await createDatabase();
  await down(db);
  for (const values of ODD) {
    await db.query('INSERT INTO users (scim_id, name, username, email, scim_external_id) VALUES ($1, $2, $3, $4, $5)', [
      ...values,
    ]);
  }
  // Somebody has the name that somebody else would be given for want of one.
  await db.query(
    `UPDATE users SET username = 'user-' || (SELECT id FROM users WHERE scim_id = 'fallback-c') WHERE scim_id = 'nothing'`,
  );
  // Whom Enterprise's SCIM would not show either.
  await db.query(`INSERT INTO users (scim_id, name, deleted_at) VALUES ('deleted', 'Left(Deleted)', now())`);
  await db.query(`INSERT INTO users (scim_id, username, is_service) VALUES ('service', 'service', true)`);
  await db.query(`INSERT INTO users (username, email) VALUES ('local', 'local@example.com')`);
  await db.query(`INSERT INTO users (name, username, email, scim_id, scim_external_id)
    SELECT 'Person ' || n, 'person-' || n, 'person-' || n || '@example.com', 'many-' || n, 'ext-' || n FROM generate_series(1, ${MANY}) n`);
  await db.query(`INSERT INTO groups (name, scim_id, scim_external_id) VALUES
    ('Twice', 'g-twice', 'G-Ext'), ('TWICE', 'g/twice "2"', 'g-ext'), ('Empty', 'g-empty', NULL), (repeat('g', 255), 'g-long', NULL), ('All', 'g-all', 'all')`);
  await db.query(`INSERT INTO group_user (group_id, user_id) SELECT g.id, u.id FROM groups g, users u WHERE g.scim_id = 'g-all' AND u.id > 0
    UNION ALL SELECT g.id, u.id FROM groups g, users u WHERE g.scim_id = 'g/twice "2"' AND u.username = 'local'`);
  before = await hostRows();
  host = await startHost({ database: db });
  scim = clientOf(host);
});
afterAll(async () => {
  await host?.stop();
  await db?.drop();
});

test('the move changes no row of the host and writes no event', async () => {
  expect(await hostRows()).toEqual(before);
});

test('everybody whom Enterprise managed is listed, nobody else, and no id is given anew', async () => {
  const seen: string[] = [];
  for (let startIndex = 1; ; ) {
    const { body } = await scim.get(`/Users?startIndex=${startIndex}&count=1000`).expect(200);
    expect(body.totalResults).toBe(ODD.length + MANY);
    seen.push(...body.Resources.map(({ id }: { readonly id: string }) => id));
    startIndex += body.itemsPerPage;
    if (startIndex > body.totalResults) break;
  }
  const expected = [...ODD.map(([id]) => id), ...Array.from({ length: MANY }, (_, index) => `many-${index + 1}`)];
  expect(seen.toSorted()).toEqual(expected.toSorted());
  for (const id of ['deleted', 'service']) await scim.get(`/Users/${id}`).expect(404);
});

describe.each(ODD.map((odd) => [odd[0], odd] as const))('%s', (id, [, name, , email, externalId]) => {
  const path = `/Users/${id === '..' ? '%2E%2E' : encodeURIComponent(id)}`;

  test('is served, found, and changed under its id', async () => {
    const { body } = await scim.get(path).expect(200);
    expect(body).toMatchObject({ id, active: true, ...(externalId === null || externalId === '' ? {} : { externalId }) });
    expect(body.displayName ?? null).toBe(name);
    const filters = [
      `id eq ${JSON.stringify(id)}`,
      `userName eq ${JSON.stringify(body.userName)}`,
      ...(externalId === null || externalId === '' ? [] : [`externalId eq ${JSON.stringify(externalId)}`]),
      ...(email === null || email === '' ? [] : [`emails.value eq ${JSON.stringify(email)}`]),
    ];
    for (const filter of filters) {
      const { body: list } = await scim.get(`/Users?filter=${encodeURIComponent(filter)}`).expect(200);
      expect([filter, list.Resources?.map((one: { readonly id: string }) => one.id)]).toEqual([filter, [id]]);
    }
    const [row] = await db.query<{ id: number }>('SELECT id FROM users WHERE scim_id = $1', [id]);
    const hostId = row?.id ?? 0;
    await scim.patch(path, patchBody({ op: 'replace', path: 'title', value: 'Dr' })).expect(200);
    await scim.patch(path, setActive(false)).expect(200);
    await scim.patch(path, setActive(true)).expect(200);
    expect(await hostUser(db, hostId)).toMatchObject({ id: hostId, scim_id: id, name, email: email || null, deleted: false });
  });
});

test('groups are served with their ids, empty ones and ones whose names differ by case alone too', async () => {
  for (const id of ['g-twice', 'g/twice "2"', 'g-empty', 'g-long', 'g-all']) {
    expect((await scim.get(`/Groups/${encodeURIComponent(id)}?excludedAttributes=members`).expect(200)).body.id).toBe(id);
  }
  const { body } = await scim.get(`/Groups?filter=${encodeURIComponent('displayName eq "twice"')}`).expect(200);
  expect(body.Resources.map(({ id }: { readonly id: string }) => id)).toEqual(['g-twice', 'g/twice "2"']);
  const { body: all } = await scim.get('/Groups/g-all').expect(200);
  expect(all.members).toHaveLength(ODD.length + MANY);
});

test('what the identity provider sends to find its people is answered with those who are there', async () => {
  for (const n of [1, MANY]) {
    for (const filter of [`userName eq "PERSON-${n}"`, `externalId eq "ext-${n}"`, `emails.value eq "person-${n}@example.com"`]) {
      const { body } = await scim.get(`/Users?filter=${encodeURIComponent(filter)}`).expect(200);
      expect(body.Resources).toMatchObject([{ id: `many-${n}` }]);
    }
  }
});

test('an external id or a SCIM id that a suspended person has is not taken along, and keeps nobody else out', async () => {
  const { body: suspended } = await scim.post('/Users', userBody('holder', { externalId: 'held' })).expect(201);
  await scim.patch(`/Users/${suspended.id}`, setActive(false)).expect(200);
  await db.query(`INSERT INTO users (username, scim_id, scim_external_id) VALUES ('wants', 'wants', 'held')`);
  await db.query(`INSERT INTO users (username, scim_id) VALUES ('impostor', $1)`, [suspended.id]);
  await db.query('SELECT scim_absorb_all()');
  expect((await scim.get('/Users/wants').expect(200)).body.externalId).toBeUndefined();
  expect((await scim.get(`/Users/${suspended.id}`).expect(200)).body).toMatchObject({ userName: 'holder', active: false });
});
