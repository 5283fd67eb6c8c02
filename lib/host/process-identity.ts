import { execFile } from 'node:child_process';
import { readFile, readlink, realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PS_TIMEOUT_MS = 5_000;

const hasProc = process.platform === 'linux';

const ps = async (pid: number, column: 'lstart' | 'command'): Promise<string | undefined> => {
  try {
    const { stdout } = await run('ps', ['-o', `${column}=`, '-p', String(pid)], {
      timeout: PS_TIMEOUT_MS,
      env: { PATH: process.env.PATH, LC_ALL: 'C' },
    });
    return stdout.trim() || undefined;
  } catch {
    return undefined;
  }
};

/** Whether a process answers to this pid, whoever owns it. */
export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
};

/**
 * When the process with this pid began, in an opaque form that only equals itself: tells a process from a later one
 * that was given the same pid. `undefined` when nothing runs there any more (a zombie counts as nothing).
 */
export const processStart = async (pid: number): Promise<string | undefined> => {
  if (!isAlive(pid)) return undefined;
  if (!hasProc) return ps(pid, 'lstart');
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // proc(5): the second field is a name in brackets that may hold spaces; after it come state (3rd) … starttime (22nd).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
};

/** Whether the process with this pid is a Postgres server that has `folder` as its data directory. */
export const isPostgresOn = async (pid: number, folder: string): Promise<boolean> => {
  if (!hasProc) {
    const command = (await ps(pid, 'command')) ?? '';
    return /^\S*postgres\b/.test(command) && command.includes(folder);
  }
  try {
    const commandLine = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
    if (basename(commandLine[0] ?? '') !== 'postgres') return false;
    // A Postgres server lives in its data directory, by whatever path that was named when it started.
    const home = await readlink(`/proc/${pid}/cwd`).catch(() => undefined);
    return home === undefined ? commandLine.includes(folder) : home === (await realpath(folder));
  } catch {
    return false;
  }
};
