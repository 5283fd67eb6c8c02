import { existsSync } from 'node:fs';
import { chmod, chown, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type ChildProgram, startProgram } from './child-program.js';
import type { Database } from './database.js';
import { end, freePort } from './host-process.js';

/** Where Debian's package puts it. */
const PGBOUNCER_PATH = process.env.PGBOUNCER_PATH || '/usr/sbin/pgbouncer';
export const hasPgBouncer = (): boolean => existsSync(PGBOUNCER_PATH);

const STOP_MS = 5_000;
const POLLS = 200;
const POLL_MS = 50;
/** Few, so that clients do share them. */
const SERVER_CONNECTIONS = 6;
const PASSWD = '/etc/passwd';

export interface PgBouncer {
  /** The same database behind it. */
  readonly database: Database;
  stop(): Promise<void>;
}

/** It refuses to run as root; whoever owns the files of its package will do, or anybody. */
const accountOf = async (): Promise<{ readonly uid: number; readonly gid: number } | undefined> => {
  if (process.getuid?.() !== 0) return undefined;
  const { uid, gid } = await stat('/etc/pgbouncer/pgbouncer.ini').catch(() => stat(PASSWD));
  return uid === 0 ? { uid: 65_534, gid: 65_534 } : { uid, gid };
};

const untilItAnswers = async ({ connection }: Database, program: ChildProgram): Promise<void> => {
  for (let poll = 0; poll < POLLS; poll += 1) {
    const client = new pg.Client(connection);
    try {
      await client.connect();
      await client.query('SELECT 1');
      return;
    } catch {
      await sleep(POLL_MS);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
  throw new Error(`PgBouncer did not start:\n${program.output()}`);
};

/** A PgBouncer in transaction mode before a database, on 127.0.0.1. */
export const startPgBouncer = async (database: Database): Promise<PgBouncer> => {
  const { host, port, user, password, database: name } = database.connection;
  const ownPort = await freePort();
  const folder = await mkdtemp(join(tmpdir(), 'unleash-scim-pgbouncer-'));
  const file = join(folder, 'pgbouncer.ini');
  await writeFile(
    file,
    `[databases]
${name} = host=${host} port=${port} dbname=${name} user=${user} password=${password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${ownPort}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${SERVER_CONNECTIONS}
max_client_conn = 200
ignore_startup_parameters = extra_float_digits
`,
  );
  const account = await accountOf();
  await chmod(folder, 0o755);
  if (account !== undefined) await chown(file, account.uid, account.gid);
  await chmod(file, 0o600);
  const program = startProgram(PGBOUNCER_PATH, [file], { ...account });
  const behind: Database = { ...database, connection: { ...database.connection, port: ownPort } };
  const stop = async (): Promise<void> => {
    await end(program.child, 'SIGINT', STOP_MS);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await untilItAnswers(behind, program);
  } catch (error) {
    await stop();
    throw error;
  }
  return { database: behind, stop };
};
