import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, test } from '@jest/globals';
import { migrate } from '../../lib/stores/migrations.js';
import { adminSession, scim as clientOf } from '../support/clients.js';
import type { Host } from '../support/host-process.js';
import { down, fileNames, hostIndexes, MIGRATIONS, migrateAll, until, withMigrating } from '../support/migrating.js';
import { provision, userBody } from '../support/provisioning.js';

const { migrated, hostOn, replicaOf } = withMigrating();

const folders: string[] = [];
afterEach(async () => {
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true })));
});

/** The migrations of another version of the package: some of ours, and files of its own. */
const versionWith = async (keeps: (name: string) => boolean, more: Readonly<Record<string, string>>): Promise<URL> => {
  const folder = await mkdtemp(join(tmpdir(), 'unleash-scim-version-'));
  folders.push(folder);
  await cp(MIGRATIONS, folder, { recursive: true });
  for (const name of await readdir(folder)) if (!keeps(name)) await rm(join(folder, name));
  for (const [name, text] of Object.entries(more)) await writeFile(join(folder, name), text);
  return pathToFileURL(`${folder}/`);
};

const all = (): boolean => true;

/** As the next version may do it: what the present one calls stays, and does more. */
const ADDS = `ALTER TABLE scim_users ADD COLUMN seen_at timestamptz;
  CREATE OR REPLACE FUNCTION scim_close_ways_in(of_user integer) RETURNS boolean LANGUAGE plpgsql AS $$
  BEGIN
    UPDATE scim_users SET seen_at = now() WHERE user_id = of_user;
    RETURN TRUE;
  END $$;`;
const INDEXES = 'CREATE INDEX CONCURRENTLY IF NOT EXISTS scim_users_seen_idx ON users (seen_at);';
const BREAKS = `ALTER FUNCTION scim_create_person RENAME TO scim_create_someone;`;

const serves = async (host: Host, userName: string): Promise<void> => {
  await clientOf(host).post('/Users', userBody(userName)).expect(201);
};

test('a version with new files applies these to what an older one made, in order, and once', async () => {
  const db = await migrated();
  await down(db);
  const replica = replicaOf(db);
  const oldest = await versionWith((name) => name < '003', {});
  expect(await migrateAll(replica, oldest)).toEqual((await fileNames()).filter((name) => name < '003'));
  expect(await migrateAll(replica)).toEqual((await fileNames()).filter((name) => name >= '003'));
  const newest = await versionWith(all, { '901-adds.sql': ADDS, '902-indexes.concurrent.sql': INDEXES });
  expect(await migrateAll(replica, newest)).toEqual(['901-adds.sql', '902-indexes.concurrent.sql']);
  expect(await migrateAll(replica, newest)).toEqual([]);
  expect((await hostIndexes(db)).scim_users_seen_idx).toBe(true);
  const { warnings } = await migrate(replica.database, newest);
  expect(warnings).toEqual([]);
});

describe('a database that a newer version has migrated', () => {
  test('is served on by the older one, which says so: while it runs, and when it starts', async () => {
    const db = await migrated();
    const older = await hostOn(db);
    const person = await provision({ db, scim: clientOf(older) }, 'before@example.com');
    await migrateAll(replicaOf(db), await versionWith(all, { '901-adds.sql': ADDS, '902-indexes.concurrent.sql': INDEXES }));
    await serves(older, 'while-it-runs@example.com');
    await clientOf(older).delete(`/Users/${person.id}`).expect(204);
    const restarted = await hostOn(db);
    await serves(restarted, 'restarted@example.com');
    expect(restarted.logs()).toMatch(/newer version of unleash-scim has migrated the database \(901-adds.sql, 902-indexes/);
    expect((await clientOf(restarted).get('/Users?count=0').expect(200)).body.totalResults).toBe(2);
  });

  test('in a way that the older one cannot work with is told in the log and by 503; Unleash goes on, and nothing is changed', async () => {
    const db = await migrated();
    const running = await hostOn(db);
    await serves(running, 'before@example.com');
    const newer = await versionWith(all, { '901-renames.breaking.sql': BREAKS });
    await migrateAll(replicaOf(db), newer);

    // The one that runs is told by the first statement that is not there any more.
    const refused = await clientOf(running).post('/Users', userBody('after@example.com')).expect(503);
    expect(refused.headers['retry-after']).toBeDefined();
    expect(refused.body.detail).toMatch(/newer version of unleash-scim/);

    const before = await db.query('SELECT * FROM scim_migrations ORDER BY version');
    const started = await hostOn(db, { awaitScim: false });
    await until('SCIM has given up', async () => {
      const { body } = await clientOf(started).get('/Users').expect(503);
      return /the log of Unleash says why/.test(body.detail);
    });
    expect(started.logs()).toMatch(/newer version of unleash-scim has migrated the database \(901-renames.breaking.sql\)/);
    const admin = await adminSession(started);
    await admin.get('/api/admin/user-admin').expect(200);
    expect(await db.query('SELECT * FROM scim_migrations ORDER BY version')).toEqual(before);
    expect((await migrate(replicaOf(db).database, newer)).warnings).toEqual([]);
  });
});

test('a file that was applied in another form is named in the log, and one that only ends its lines otherwise is not', async () => {
  const db = await migrated();
  const { database } = replicaOf(db);
  expect((await migrate(database)).warnings).toEqual([]);
  await db.query(`UPDATE scim_migrations SET checksum = 'other' WHERE version = 3`);
  const host = await hostOn(db);
  expect(host.logs()).toMatch(/applied in another form .*\(003-people.sql\)/);
  await serves(host, 'still@example.com');

  const text = 'CREATE TABLE scim_lines ();\nCOMMENT ON TABLE scim_lines IS NULL;\n';
  const here = await versionWith(all, { '901-lines.sql': text });
  await migrate(database, here);
  const windows = await versionWith(all, { '901-lines.sql': text.replaceAll('\n', '\r\n') });
  expect((await migrate(database, windows)).warnings).toEqual([expect.stringContaining('(003-people.sql)')]);
});

test('a host under which somebody runs down.sql answers SCIM by 503, and logins and pages of Unleash go on', async () => {
  const db = await migrated();
  const host = await hostOn(db);
  const scim = clientOf(host);
  const person = await provision({ db, scim }, 'there@example.com');
  const admin = await adminSession(host);
  await down(db);
  const requests = [
    scim.get('/Users'),
    scim.get(`/Users/${person.id}`),
    scim.get(`/Users?filter=${encodeURIComponent('userName eq "x"')}`),
    scim.get('/Groups'),
    scim.get('/ServiceProviderConfig'),
    scim.post('/Users', userBody('new@example.com')),
    scim.patch(`/Users/${person.id}`, { Operations: [{ op: 'replace', path: 'active', value: false }] }),
    scim.delete(`/Users/${person.id}`),
    scim.post('/Bulk', { Operations: [{ method: 'DELETE', path: `/Users/${person.id}` }] }),
  ];
  const statuses = [];
  for (const request of requests) statuses.push((await request).status);
  expect(statuses).toEqual(requests.map(() => 503));
  await admin.get('/api/admin/user-admin').expect(200);
  await admin.put(`/api/admin/user-admin/${person.hostId}`).send({ name: 'Local', rootRole: 3 }).expect(200);
  await adminSession(host);
  await admin.get('/api/admin/groups').expect(200);
  expect((await admin.get('/api/admin/scim-settings')).status).toBe(503);
});
