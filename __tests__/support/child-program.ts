import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { end, hasEnded } from './host-process.js';

const POLL_MS = 50;

/** A program under test in a process group of its own. */
export interface ChildProgram {
  readonly child: ChildProcess;
  output(): string;
  /** Waits for text in the output. @throws Error with the output when the program ends before or it takes too long. */
  until(text: string | RegExp, withinMs?: number): Promise<void>;
  /** @returns the exit code, or the signal that ended it. */
  exit(withinMs?: number): Promise<number | NodeJS.Signals | null>;
}

export const startProgram = (file: string, args: readonly string[], options: SpawnOptions): ChildProgram => {
  const child = spawn(file, args, { ...options, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const closed = once(child, 'close');
  return {
    child,
    output: () => output,
    until: async (text, withinMs = 45_000) => {
      for (const deadline = Date.now() + withinMs; Date.now() < deadline; await sleep(POLL_MS)) {
        if (typeof text === 'string' ? output.includes(text) : text.test(output)) return;
        if (hasEnded(child)) break;
      }
      throw new Error(`"${text}" did not come:\n${output}`);
    },
    exit: async (withinMs = 30_000) => {
      if (!(await Promise.race([closed, sleep(withinMs, undefined, { ref: false })]))) {
        await end(child, 'SIGKILL', withinMs);
        throw new Error(`The program did not end within ${withinMs} ms:\n${output}`);
      }
      return child.exitCode ?? child.signalCode;
    },
  };
};

/** The pid of the Postgres on a data folder. */
export const postgresPid = async (dataDir: string): Promise<number> =>
  Number((await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[0]);

export const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
