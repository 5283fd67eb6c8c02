import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { type ChildProgram, isRunning, postgresPid, startProgram } from '../support/child-program.js';
import { adminSession, createLocalUser } from '../support/clients.js';
import { createDatabase } from '../support/database.js';
import { cleanEnv, end, freePort, type Host, TEST_TOKEN } from '../support/host-process.js';

const LAUNCHER = fileURLToPath(new URL('../support/program-main.js', import.meta.url));
const NOBODY = 65_534;
const STOP_MS = 10_000;

let folder: string;
let dataDir: string;
const programs: ChildProgram[] = [];

type Started = ChildProgram & { readonly host: Pick<Host, 'url' | 'scimUrl' | 'token'> };

const begin = async (
  env: Readonly<Record<string, string>> = {},
  owner: { readonly uid?: number; readonly gid?: number } = {},
  parent: 'test' | 'shell' = 'test',
): Promise<Started> => {
  const port = env.PORT ?? String(await freePort());
  // The command after it keeps the shell from becoming the program.
  const [file, args] =
    parent === 'test' ? [process.execPath, [LAUNCHER]] : ['sh', ['-c', '"$0" "$1"; exit $?', process.execPath, LAUNCHER]];
  const program = startProgram(file, args, {
    env: { ...cleanEnv(), HTTP_HOST: '127.0.0.1', SCIM_DATA_DIR: dataDir, PORT: port, ...env },
    cwd: folder,
    ...owner,
  });
  programs.push(program);
  const url = `http://127.0.0.1:${port}${env.BASE_URI_PATH ?? ''}`;
  return { ...program, host: { url, scimUrl: `${url}/scim`, token: TEST_TOKEN } };
};

const beginAndWait = async (...args: Parameters<typeof begin>): Promise<Started> => {
  const program = await begin(...args);
  await program.until(/^Unleash +http/m);
  return program;
};

const hostOf = ({ host }: Started): Host => host as Host;

const nobodyCanRead = (path: string): boolean => {
  const options = { uid: NOBODY, gid: NOBODY, cwd: '/' };
  return spawnSync(process.execPath, ['--eval', 'fs.readFileSync(process.argv[1])', path], options).status === 0;
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'unleash-scim-start-'));
  await chmod(folder, 0o755);
  dataDir = join(folder, 'data');
});

afterEach(async () => {
  for (const { child } of programs.splice(0)) await end(child, 'SIGTERM', STOP_MS);
  await rm(folder, { recursive: true, force: true });
});

describe('the program', () => {
  test('starts on an empty folder, says where it is, and ends with its database on SIGTERM', async () => {
    const program = await begin({ INIT_SCIM_TOKEN: TEST_TOKEN, BASE_URI_PATH: '/feature' });
    const { url, scimUrl } = program.host;
    // SCIM has to answer from the first healthy moment on.
    let health = 0;
    for (let i = 0; i < 2_000 && health !== 200; i += 1) {
      health = await request(url)
        .get('/health')
        .then(
          ({ status }) => status,
          () => 0,
        );
      if (health !== 200) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const answer = await request(scimUrl).get('/v2/ServiceProviderConfig').set('Authorization', `Bearer ${TEST_TOKEN}`);
    expect(answer.status).toBe(200);

    await program.until('SCIM token');
    const port = new URL(url).port;
    expect(program.output()).toContain(`Unleash      http://localhost:${port}/feature\n`);
    expect(program.output()).toContain('First login  admin / unleash4all\n');
    expect(program.output()).toContain(`SCIM         http://localhost:${port}/feature/scim\n`);
    expect(program.output()).not.toContain(TEST_TOKEN);
    expect(program.output()).not.toContain((await readFile(join(dataDir, 'postgres-password'), 'utf8')).trim());

    const postgres = await postgresPid(dataDir);
    program.child.kill('SIGTERM');
    expect(await program.exit(STOP_MS)).toBe(0);
    expect(isRunning(postgres)).toBe(false);
  });

  test('ends cleanly when the terminal interrupts its whole process group', async () => {
    const program = await beginAndWait();
    const postgres = await postgresPid(dataDir);
    process.kill(-(program.child.pid ?? 0), 'SIGINT');
    expect(await program.exit(STOP_MS)).toBe(0);
    expect(isRunning(postgres)).toBe(false);
    expect(program.output()).not.toMatch(/FATAL|ERROR/);
  });

  test('ends cleanly when it is stopped while it starts', async () => {
    const program = await begin();
    await program.until('Starting Unleash');
    program.child.kill('SIGTERM');
    expect(await program.exit(STOP_MS)).toBe(0);
  });

  test('ends cleanly when npm and its shell are stopped', async () => {
    const program = await begin({ npm_lifecycle_event: 'start' }, {}, 'shell');
    await program.until('SCIM token');
    const postgres = await postgresPid(dataDir);
    // Sent to the shell alone, as npm does.
    program.child.kill('SIGTERM');
    expect(await program.exit(STOP_MS)).toBe('SIGTERM');
    expect(isRunning(postgres)).toBe(false);
  });

  test('goes on with its data after kill -9, of the program and of the program with its database', async () => {
    const first = await beginAndWait();
    await createLocalUser(await adminSession(hostOf(first)), { username: 'ada', name: 'Ada' });
    await end(first.child, 'SIGKILL', 1_000);

    const second = await beginAndWait();
    const admin = await adminSession(hostOf(second));
    const { body } = await admin.get('/api/admin/user-admin').expect(200);
    expect(body.users.map(({ username }: { readonly username: string }) => username)).toContain('ada');
    expect(second.output()).not.toContain('First login');
    const postgres = await postgresPid(dataDir);
    await end(second.child, 'SIGKILL', 1_000);
    process.kill(postgres, 'SIGKILL');

    const third = await beginAndWait();
    // The secret was kept too: the session goes on.
    const cookie = admin.jar.getCookies({ domain: '127.0.0.1', path: '/', secure: false, script: false }).toValueString();
    await request(third.host.url).get('/api/admin/user').set('Cookie', cookie).expect(200);
  }, 120_000);

  test('refuses a data folder in use without disturbing who uses it', async () => {
    const first = await beginAndWait();
    const second = await begin();
    expect(await second.exit()).toBe(1);
    expect(second.output()).toContain(`${dataDir} is in use by another start of this program (process ${first.child.pid})`);
    await request(first.host.url).get('/health').expect(200);
  });

  test('says in one line what keeps it from starting', async () => {
    const short = await begin({ INIT_SCIM_TOKEN: 'too-short' });
    expect(await short.exit()).toBe(1);
    expect(short.output()).toBe('INIT_SCIM_TOKEN must have at least 32 characters; it has 9.\n');

    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const address = holder.address();
    const port = String(typeof address === 'object' && address !== null ? address.port : 0);
    const taken = await begin({ PORT: port });
    expect(await taken.exit()).toBe(1);
    expect(taken.output()).toBe(`Port ${port} is already in use: stop the other program or set PORT.\n`);
    holder.close();

    const closed = await freePort();
    const unreachable = await begin({
      DATABASE_URL: `postgres://scim:hidden@127.0.0.1:${closed}/unleash`,
      UNLEASH_SECRET: 'x',
    });
    expect(await unreachable.exit()).toBe(1);
    expect(unreachable.output()).toContain(`The database cannot be reached (connect ECONNREFUSED 127.0.0.1:${closed})`);
    expect(unreachable.output()).not.toContain('hidden');
  });

  test('uses an external database, for several replicas at once', async () => {
    const db = await createDatabase({ empty: true });
    try {
      const env = { DATABASE_URL: db.url, UNLEASH_SECRET: 'shared', INIT_SCIM_TOKEN: TEST_TOKEN };
      const replicas = await Promise.all([beginAndWait(env), beginAndWait(env)]);
      for (const { host } of replicas) {
        await request(host.scimUrl).get('/Users').set('Authorization', `Bearer ${TEST_TOKEN}`).expect(200);
      }
      for (const { child } of replicas) child.kill('SIGTERM');
      expect(await Promise.all(replicas.map((replica) => replica.exit(STOP_MS)))).toEqual([0, 0]);
    } finally {
      await db.drop();
    }
  });

  const canDropRoot = process.getuid?.() === 0 && nobodyCanRead(LAUNCHER);
  (canDropRoot ? test : test.skip)('runs as a plain user', async () => {
    await mkdir(dataDir);
    await chown(dataDir, NOBODY, NOBODY);
    const program = await beginAndWait({}, { uid: NOBODY, gid: NOBODY });
    await request(program.host.url).get('/health').expect(200);
    program.child.kill('SIGTERM');
    expect(await program.exit(STOP_MS)).toBe(0);
  });
});
