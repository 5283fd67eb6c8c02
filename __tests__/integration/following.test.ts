import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { scim as clientOf, type ScimClient } from '../support/clients.js';
import { createDatabase, type Database } from '../support/database.js';
import { type Host, startHost } from '../support/host-process.js';
import { type Provisioned, provision, setActive, userBody } from '../support/provisioning.js';

let db: Database;
let host: Host;
let scim: ScimClient;
beforeAll(async () => {
  db = await createDatabase();
  host = await startHost({ database: db });
  scim = clientOf(host);
});
afterAll(async () => {
  await host?.stop();
  await db?.drop();
});

const person = (name: string): Promise<Provisioned> => provision({ scim, db }, name);
const shown = async ({ id }: Provisioned) => (await scim.get(`/Users/${id}`)).body;
const total = async (): Promise<number> => (await scim.get('/Users?count=0').expect(200)).body.totalResults;

/** What a page finds by its place, against all people in their order. */
const pagesAgree = async (): Promise<void> => {
  const rows = await db.query<{ scim_id: string }>(`SELECT scim_id FROM scim_users WHERE state <> 'gone' ORDER BY user_id`);
  expect(await total()).toBe(rows.length);
  for (const startIndex of [1, Math.ceil(rows.length / 2), rows.length, rows.length + 1]) {
    const { body } = await scim.get(`/Users?startIndex=${startIndex}&count=3`).expect(200);
    const ids = (body.Resources ?? []).map(({ id }: { readonly id: string }) => id);
    expect([startIndex, ids, body.totalResults]).toEqual([
      startIndex,
      rows.slice(startIndex - 1, startIndex + 2).map((row) => row.scim_id),
      rows.length,
    ]);
  }
};

describe('our rows follow statements that do not come from us', () => {
  test('a change of names moves the version once, and a write that changes none of them does not', async () => {
    const one = await person('followed@example.com');
    const { version } = (await shown(one)).meta;
    await db.query('UPDATE users SET seen_at = now(), login_attempts = 1, name = name WHERE id = $1', [one.hostId]);
    expect((await shown(one)).meta.version).toBe(version);
    await db.query(`UPDATE users SET name = 'By hand' WHERE id = $1`, [one.hostId]);
    expect(await shown(one)).toMatchObject({ displayName: 'By hand' });
    expect((await shown(one)).meta.version).not.toBe(version);
  });

  test('a name that another managed person has already is not taken over; everything else is', async () => {
    await person('Taken-By-Another');
    const one = await person('keeps-the-name');
    await db.query(`UPDATE users SET username = 'taken-by-another', name = 'Else' WHERE id = $1`, [one.hostId]);
    expect(await shown(one)).toMatchObject({ userName: 'keeps-the-name', displayName: 'Else' });
  });

  test('whoever is taken from the management, soft-deleted or deleted is not there any more, and not counted', async () => {
    const [unmanaged, removed, deleted] = [await person('unmanaged'), await person('removed'), await person('deleted')];
    const before = await total();
    await db.query('UPDATE users SET scim_id = NULL WHERE id = $1', [unmanaged.hostId]);
    await db.query('UPDATE users SET deleted_at = now(), scim_id = NULL, username = NULL WHERE id = $1', [removed.hostId]);
    await db.query('DELETE FROM users WHERE id = $1', [deleted.hostId]);
    for (const one of [unmanaged, removed, deleted]) await scim.get(`/Users/${one.id}`).expect(404);
    expect(await total()).toBe(before - 3);
    await scim.post('/Users', userBody('removed')).expect(201);
    await pagesAgree();
  });

  test('what happened while the triggers did not fire is absorbed when SCIM is switched on', async () => {
    const one = await person('unseen');
    await db.query('ALTER TABLE users DISABLE TRIGGER scim_follow_user');
    await db.query(`UPDATE users SET name = 'Unseen change' WHERE id = $1`, [one.hostId]);
    await db.query('ALTER TABLE users ENABLE TRIGGER scim_follow_user');
    expect((await shown(one)).displayName).not.toBe('Unseen change');
    await db.query('SELECT scim_absorb_all()');
    expect((await shown(one)).displayName).toBe('Unseen change');
  });
});

describe('the host is never held up', () => {
  test('what fails in our trigger does not fail the statement', async () => {
    const one = await person('trigger-fails');
    await db.query('ALTER TABLE scim_users ADD CONSTRAINT no_changes CHECK (host_name IS DISTINCT FROM $$Refused$$)');
    await db.query(`UPDATE users SET name = 'Refused' WHERE id = $1`, [one.hostId]);
    expect(await db.query('SELECT name FROM users WHERE id = $1', [one.hostId])).toEqual([{ name: 'Refused' }]);
    await db.query('ALTER TABLE scim_users DROP CONSTRAINT no_changes');
    await db.query('SELECT scim_absorb_all()');
    expect((await shown(one)).displayName).toBe('Refused');
  });

  test('a later version of it may change, rename or drop the columns that we look at', async () => {
    const copy = await createDatabase();
    const other = await startHost({ database: copy });
    try {
      const one = await provision({ scim: clientOf(other), db: copy }, 'before-the-upgrade');
      await copy.query('ALTER TABLE users ALTER COLUMN scim_id TYPE varchar(255)');
      await copy.query('ALTER TABLE users RENAME COLUMN username TO login');
      await copy.query('ALTER TABLE users DROP COLUMN scim_external_id');
      await copy.query(`UPDATE users SET name = 'After' WHERE id = $1`, [one.hostId]);
      await copy.query(`INSERT INTO users (name, login) VALUES ('Local', 'local')`);
      await copy.query('DELETE FROM users WHERE id = $1', [one.hostId]);
    } finally {
      await other.stop();
      await copy.drop();
    }
  });
});

describe('pages', () => {
  test('agree with the people over buckets, suspensions, deletions and creations, one by one and in bulk', async () => {
    for (let i = 0; i < 4; i += 1) {
      // Host ids leave gaps, so that a few people fill several buckets.
      await db.query(`SELECT setval('users_id_seq', nextval('users_id_seq') + 700)`);
      const people = [await person(`paged-${i}-a`), await person(`paged-${i}-b`), await person(`paged-${i}-c`)];
      await scim.patch(`/Users/${people[0]?.id}`, setActive(false)).expect(200);
      await scim.delete(`/Users/${people[1]?.id}`).expect(204);
      const Operations = Array.from({ length: 5 }, (_, n) => ({
        method: 'POST',
        path: '/Users',
        bulkId: `${i}-${n}`,
        data: userBody(`paged-bulk-${i}-${n}`),
      }));
      await scim.post('/Bulk', { schemas: ['urn:ietf:params:scim:api:messages:2.0:BulkRequest'], Operations }).expect(200);
      await pagesAgree();
    }
    await db.query('SELECT scim_recount()');
    await pagesAgree();
  });
  test('agree where all are counted anew while somebody begins a bucket', async () => {
    await db.query(`SELECT setval('users_id_seq', nextval('users_id_seq') + 4000)`);
    const { hostId } = await person('recount');
    await db.query('DELETE FROM scim_page_counts WHERE bucket = $1::integer >> 10', [hostId]);
    await db.query('INSERT INTO scim_page_counts (bucket, shard, people) VALUES ($1::integer >> 10, 1, 1)', [hostId]);
    const counting = new pg.Client(db.connection);
    await counting.connect();
    await counting.query(`BEGIN; INSERT INTO scim_page_counts (bucket, shard, people) VALUES (${hostId} >> 10, 0, 0)`);
    const recounted = db.query('SELECT scim_recount()');
    await expect(Promise.race([recounted, sleep(300, 'waits')])).resolves.toBe('waits');
    await counting.query('COMMIT');
    await counting.end();
    await recounted;
    await pagesAgree();
  });
});
