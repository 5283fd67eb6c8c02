import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Account, POSTGRES_ENV, type PostgresBinaries } from './postgres-binaries.js';
import { isPostgresOn, processStart } from './process-identity.js';

const run = promisify(execFile);
const INIT_TIMEOUT_MS = 120_000;
const ORPHAN_STOP_MS = 20_000;
const POLL_MS = 100;
const ACCOUNT_NAME = 'postgres';
export const DATABASE_USER = 'unleash';
export const DATABASE_NAME = 'unleash';

export interface PostgresData {
  readonly folder: string;
  readonly account: Account | undefined;
}

const missing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

const statIfThere = (path: string) =>
  stat(path).catch((error: unknown) => {
    if (missing(error)) return undefined;
    throw error;
  });

const idOf = async (name: string): Promise<Account> => {
  const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
};

/**
 * The account to run Postgres as: nobody else's for a plain user; for root the data's owner, else `postgres`, which is
 * created where it is missing.
 *
 * @throws Error when root has no such account and cannot make it.
 */
export const accountFor = async (folder: string): Promise<Account | undefined> => {
  if (process.getuid?.() !== 0) return undefined;
  const owner = await statIfThere(folder);
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  try {
    return await idOf(ACCOUNT_NAME);
  } catch {
    try {
      await run('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', ACCOUNT_NAME]);
      return await idOf(ACCOUNT_NAME);
    } catch (cause) {
      const hint = `Run as another user, create the user ${ACCOUNT_NAME}, or set DATABASE_URL.`;
      throw new Error(`Postgres refuses to run as root and the user ${ACCOUNT_NAME} cannot be created. ${hint}`, {
        cause,
      });
    }
  }
};

const canReach = async (folder: string, account: Account): Promise<boolean> => {
  for (let path = dirname(await realpath(folder)); ; path = dirname(path)) {
    const { mode, uid, gid } = await stat(path);
    const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (path === dirname(path)) return true;
  }
};

/**
 * How Postgres is told its data directory; it is always started in it. Under a folder closed to the account (root's
 * home, say) the path itself would be refused, while the working directory, entered before root's rights are dropped,
 * stays usable.
 *
 * @throws Error when the folder is closed to the account and the system has no such way.
 */
export const dataArgument = async ({ folder, account }: PostgresData): Promise<string> => {
  if (account === undefined || (await canReach(folder, account))) return folder;
  if (process.platform === 'linux') return '/proc/self/cwd';
  throw new Error(
    `The data folder ${folder} lies in a folder that the user ${ACCOUNT_NAME} may not enter. ` +
      'Set SCIM_DATA_DIR to one it may.',
  );
};

/**
 * Statements run by a server of their own that nobody can connect to.
 *
 * @throws Error with Postgres' message when one fails.
 */
const runAlone = async (data: PostgresData, binaries: PostgresBinaries, statements: readonly string[]): Promise<void> => {
  const args = ['--single', '-D', await dataArgument(data), '-c', 'exit_on_error=true', 'postgres'];
  const options = { ...data.account, cwd: data.folder, env: POSTGRES_ENV, timeout: INIT_TIMEOUT_MS };
  const child = spawn(binaries.postgres, args, { ...options, stdio: ['pipe', 'ignore', 'pipe'] });
  let messages = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    messages += text;
  });
  // A server that ends early closes its input; its message says why.
  child.stdin.on('error', () => undefined).end(statements.map((statement) => `${statement};\n`).join(''));
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  if (code === 0) return;
  // Only the complaint: the statement that Postgres quotes below it may hold a password.
  const complaint = messages.split('\n').find((line) => /(ERROR|FATAL|PANIC):/.test(line)) ?? `it ended with ${code}`;
  throw new Error(`The embedded Postgres could not be set up: ${complaint}`);
};

const setPassword = (password: string): string => `ALTER ROLE ${DATABASE_USER} PASSWORD '${password}'`;

/** Reads the database password kept beside the data, or makes one; `isNew` says that Postgres does not know it yet. */
const keptPassword = async (path: string): Promise<{ readonly password: string; readonly isNew: boolean }> => {
  const kept = (await readFile(path, 'utf8').catch(() => '')).trim();
  if (/^[0-9a-f]{48}$/.test(kept)) return { password: kept, isNew: false };
  return { password: randomBytes(24).toString('hex'), isNew: true };
};

const createCluster = async (data: PostgresData, binaries: PostgresBinaries, password: string): Promise<void> => {
  // Made under another name and renamed when complete, so that an interrupted start leaves nothing half-made in use.
  const folder = `${data.folder}.new`;
  const draft = { folder, account: data.account };
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { mode: 0o700 });
  if (data.account !== undefined) await chown(folder, data.account.uid, data.account.gid);
  // The built-in provider knows upper and lower case of every script without any locale installed on the machine.
  const locale = ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  const access = ['--auth=trust', `--username=${DATABASE_USER}`, '--no-instructions'];
  const args = ['-D', await dataArgument(draft), '--encoding=UTF8', ...locale, ...access];
  const options = { ...data.account, cwd: folder, env: POSTGRES_ENV, timeout: INIT_TIMEOUT_MS };
  await run(binaries.initdb, args, options).catch((cause: { readonly stderr?: string }) => {
    const complaint = (cause.stderr ?? '').split('\n').find((line) => line.includes('error:'));
    throw new Error(`The embedded Postgres could not be set up in ${data.folder}: ${complaint ?? String(cause)}`, {
      cause,
    });
  });
  await writeFile(join(folder, 'pg_hba.conf'), 'host all all 127.0.0.1/32 scram-sha-256\n');
  await runAlone(draft, binaries, [setPassword(password), `CREATE DATABASE ${DATABASE_NAME}`]);
  await rename(folder, data.folder);
};

/**
 * Makes the data directory on first use. Its password is in a file of mode 0600 beside it.
 *
 * @returns the password of {@link DATABASE_USER}.
 */
export const prepareData = async (data: PostgresData, binaries: PostgresBinaries, passwordFile: string): Promise<string> => {
  const { password, isNew } = await keptPassword(passwordFile);
  const existing = await statIfThere(join(data.folder, 'PG_VERSION'));
  if (existing === undefined) {
    await createCluster(data, binaries, password);
  } else {
    // A copy that root made of the folder belongs to root, which Postgres rejects.
    if (data.account !== undefined && existing.uid === 0) {
      await run('chown', ['-R', `${data.account.uid}:${data.account.gid}`, data.folder]);
    }
    if (isNew) await runAlone(data, binaries, [setPassword(password)]);
  }
  if (isNew) await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  return password;
};

/**
 * Stops the server that a killed program left behind on this data directory, told by its own `postmaster.pid`. A pid
 * that by now is some other program's is left alone.
 *
 * @returns the pid of the stopped server, if there was one.
 * @throws Error when the server does not end within 20 seconds or belongs to another user.
 */
export const stopOrphan = async (folder: string): Promise<number | undefined> => {
  const pidFile = join(folder, 'postmaster.pid');
  const pid = Number((await readFile(pidFile, 'utf8').catch(() => '')).split('\n')[0]);
  if (!Number.isSafeInteger(pid) || pid <= 1) return undefined;
  const start = await processStart(pid);
  if (start === undefined) return undefined;
  if (!(await isPostgresOn(pid, folder))) {
    // Postgres would take any living process of its own user for a server on this folder.
    await rm(pidFile, { force: true });
    return undefined;
  }
  try {
    process.kill(pid, 'SIGINT');
    for (const deadline = Date.now() + ORPHAN_STOP_MS; Date.now() < deadline; await sleep(POLL_MS)) {
      if ((await processStart(pid)) !== start) return pid;
    }
  } catch (cause) {
    throw new Error(`A Postgres left behind (process ${pid}) uses ${folder} and cannot be stopped.`, { cause });
  }
  throw new Error(`A Postgres left behind (process ${pid}) uses ${folder} and does not end. Stop it, then start again.`);
};
