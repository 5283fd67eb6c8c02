import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { adminSession, scim as clientOf } from '../support/clients.js';
import { createDatabase, type Database } from '../support/database.js';
import { type Host, startHost } from '../support/host-process.js';
import { hasPgBouncer, type PgBouncer, startPgBouncer } from '../support/pgbouncer.js';
import { runReplay } from './replay.js';
import { replayFiles } from './replay-files.js';

const TIMEOUT_MS = 60_000;
const CLIENTS = 40;
const POLLS = 200;
const POLL_MS = 100;

// Installed by `apt-get install pgbouncer`; without it these are shown as skipped.
const describeBehind = hasPgBouncer() ? describe : describe.skip;
const replays = replayFiles().map(({ replay }) => [replay.name, replay.sentBy, replay] as const);

describeBehind('behind PgBouncer in transaction mode (skipped where /usr/sbin/pgbouncer is missing)', () => {
  const open: { db?: Database; pooler?: PgBouncer; hosts: Host[] } = { hosts: [] };

  const start = async (preparedStatements: boolean): Promise<Host> => {
    const { pooler } = open;
    if (pooler === undefined) throw new Error('PgBouncer did not start');
    const host = await startHost({
      database: pooler.database,
      scimOptions: { preparedStatements },
      awaitScim: !preparedStatements,
    });
    open.hosts.push(host);
    return host;
  };

  beforeAll(async () => {
    // Empty: the host and SCIM migrate through it too.
    open.db = await createDatabase({ empty: true });
    open.pooler = await startPgBouncer(open.db);
    await start(false);
  });

  afterAll(async () => {
    await Promise.all(open.hosts.map((host) => host.stop()));
    await open.pooler?.stop();
    await open.db?.drop();
  });

  const first = (): Host => {
    const [host] = open.hosts;
    if (host === undefined) throw new Error('no host');
    return host;
  };

  test.each(replays)(
    '%s: %s',
    async (_name, _sentBy, replay) => {
      const { scimUrl, token } = first();
      expect(await runReplay(replay, { baseUrl: scimUrl, token })).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test('many at once are served, and nothing of ours stays set on a connection that others get', async () => {
    const scim = clientOf(first());
    const admin = await adminSession(first());
    const answers = await Promise.all(
      Array.from({ length: CLIENTS }, (_none, client) =>
        scim.post('/Users', { userName: `pooled-${client}@example.com`, active: client % 4 > 0 }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
    await admin.get('/api/admin/user-admin').expect(200);
    const named = await open.db?.query(
      `SELECT 1 FROM pg_stat_activity WHERE application_name = 'unleash-scim' AND datname = current_database()`,
    );
    expect(named).toEqual([]);
    const shown = await scim.get(`/Users?filter=${encodeURIComponent('userName sw "pooled-"')}`).expect(200);
    expect(shown.body.totalResults).toBe(CLIENTS);
  });

  test('with prepared statements by name SCIM says in the log what to change, and answers 503 until then', async () => {
    const host = await start(true);
    for (let poll = 0; poll < POLLS && !/preparedStatements: false/.test(host.logs()); poll += 1) {
      // At once, or all of them may meet one and the same connection of the pooler.
      const asked = await Promise.all(Array.from({ length: 8 }, () => clientOf(host).get('/Users?count=1')));
      for (const { status } of asked) expect([200, 503]).toContain(status);
      await sleep(POLL_MS);
    }
    expect(host.logs()).toMatch(/A pooler in transaction mode stands before the database/);
  });
});
