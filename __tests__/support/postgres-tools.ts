import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { createDatabase, type Database } from './database.js';
import { cleanEnv } from './host-process.js';

const run = promisify(execFile);

/** Runs a program that comes with Postgres, on this database. @throws Error with what it wrote to stderr. */
export const runTool = async (db: Database, tool: string, args: readonly string[]): Promise<void> => {
  const { host, port, user, password, database } = db.connection;
  const env = { ...cleanEnv(), PGHOST: host, PGPORT: String(port), PGUSER: user, PGPASSWORD: password, PGDATABASE: database };
  await run(tool, [...args], { env, maxBuffer: 64 * 1024 * 1024 });
};

/** Whether there is a pg_dump here that is not older than the server, which it would refuse. */
export const canDump = async (): Promise<boolean> => {
  const tool = await run('pg_dump', ['--version']).then(
    ({ stdout }) => Number(/(\d+)\./.exec(stdout)?.[1]),
    () => 0,
  );
  const db = await createDatabase({ empty: true });
  try {
    const [row] = await db.query<{ major: number }>(`SELECT current_setting('server_version_num')::integer / 10000 AS major`);
    return row !== undefined && tool >= row.major;
  } finally {
    await db.drop();
  }
};
