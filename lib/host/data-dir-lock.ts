import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processStart } from './process-identity.js';

const LOCK_FILE = 'unleash-scim.lock';
const ATTEMPTS = 20;
const PAUSE_MS = 100;

export interface DataDirLock {
  release(): Promise<void>;
}

interface Holder {
  readonly pid: number;
  readonly startedAt: string | null;
}

const parseHolder = (text: string): Holder | undefined => {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('pid' in value) || !('startedAt' in value)) return undefined;
    const { pid, startedAt } = value;
    if (typeof pid !== 'number' || (startedAt !== null && typeof startedAt !== 'string')) return undefined;
    return { pid, startedAt };
  } catch {
    return undefined;
  }
};

const isHolding = async ({ pid, startedAt }: Holder): Promise<boolean> => {
  const start = await processStart(pid);
  return start !== undefined && (startedAt === null || startedAt === start);
};

/** Takes a dead program's lock away; by renaming it first, because another start may have replaced it meanwhile. */
const discard = async (path: string, stale: string): Promise<void> => {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
    if ((await readFile(aside, 'utf8')) !== stale) await link(aside, path).catch(() => undefined);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  } finally {
    await rm(aside, { force: true });
  }
};

/**
 * Reserves the data folder for this process. The lock of a program that no longer runs is taken over.
 *
 * @throws Error when a living program holds the folder; the message names the folder and the process.
 */
export const lockDataDir = async (dataDir: string): Promise<DataDirLock> => {
  const path = join(dataDir, LOCK_FILE);
  const own = JSON.stringify({ pid: process.pid, startedAt: (await processStart(process.pid)) ?? null });
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    try {
      await writeFile(path, own, { flag: 'wx', mode: 0o600 });
      return { release: () => rm(path, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text === undefined) continue;
    const holder = parseHolder(text);
    if (holder !== undefined && (await isHolding(holder))) {
      throw new Error(
        `The data folder ${dataDir} is in use by another start of this program (process ${holder.pid}). ` +
          'Stop that one first, or set SCIM_DATA_DIR to another folder.',
      );
    }
    // No holder to read: either someone is just writing it, or a crash left it half-written.
    if (holder === undefined && attempt < ATTEMPTS / 2) await sleep(PAUSE_MS);
    else await discard(path, text);
  }
  throw new Error(`The lock ${path} could not be taken: other starts keep taking it. Try again.`);
};
