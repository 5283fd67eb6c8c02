import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { IUnleashOptions } from 'unleash-server';
import type { ScimOptions } from '../../lib/index.js';
import type { Database } from './database.js';

const START_TIMEOUT_MS = 50_000;
const STOP_TIMEOUT_MS = 10_000;
const POLL_MS = 50;
const START_ATTEMPTS = 3;
const ADDRESS = '127.0.0.1';

/** The SCIM token of every test host, unless it is started with `switchedOn: false`. */
export const TEST_TOKEN = 'test-token-0123456789abcdef0123456789abcdef';

export interface HostMainOptions {
  /** `modulePath`: a module whose export `hostOptions` is merged in, for what JSON cannot carry. */
  readonly hostOptions: IUnleashOptions & { readonly modulePath?: string };
  readonly scimOptions: ScimOptions;
}

export interface HostOptions extends Partial<HostMainOptions> {
  readonly database: Database;
  readonly env?: Readonly<Record<string, string>>;
  /** With a leading slash, such as `/feature`. */
  readonly baseUriPath?: string;
  /** Whether SCIM is on with {@link TEST_TOKEN} from the start; default true. */
  readonly switchedOn?: boolean;
  /** Whether the start waits until SCIM has its tables; default true. False for a host where they cannot be made. */
  readonly awaitScim?: boolean;
}

export interface Host {
  /** Base path included, no slash at the end. */
  readonly url: string;
  readonly scimUrl: string;
  readonly token: string;
  readonly pid: number;
  /** As an operator stops it; killed after ten seconds. */
  stop(): Promise<void>;
  /** As the out-of-memory killer ends it. */
  kill(): Promise<void>;
  /** What the host wrote to stdout and stderr. */
  logs(): string;
}

export const freePort = async (): Promise<number> => {
  const probe = createServer().listen(0, ADDRESS);
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
};

/** The environment without the developer's own settings of Unleash, Postgres or this package. */
export const cleanEnv = (): Record<string, string> => {
  const kept = ['PATH', 'HOME', 'TMPDIR', 'NODE_V8_COVERAGE', 'HOST_PACKAGE'];
  return Object.fromEntries(kept.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
};

export const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

/** Ends a child by this signal, and for good after `withinMs`. */
export const end = async (child: ChildProcess, signal: NodeJS.Signals, withinMs: number): Promise<void> => {
  if (hasEnded(child)) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), withinMs);
  await exited;
  clearTimeout(timer);
};

const statusOf = async (url: string): Promise<number | undefined> => {
  try {
    const { status, body } = await fetch(url, {
      headers: { authorization: `Bearer ${TEST_TOKEN}`, connection: 'close' },
    });
    await body?.cancel();
    return status;
  } catch {
    return undefined;
  }
};

const launch = async (options: HostOptions): Promise<Host> => {
  const { database, hostOptions = {}, scimOptions = {}, baseUriPath = '', switchedOn = true, awaitScim = true } = options;
  const port = await freePort();
  const url = `http://${ADDRESS}:${port}${baseUriPath}`;
  const scimUrl = `${url}/scim`;
  const main: HostMainOptions = {
    hostOptions: {
      ...hostOptions,
      db: { ...database.connection, ...hostOptions.db },
      server: { host: ADDRESS, port, baseUriPath, unleashUrl: url, ...hostOptions.server },
    },
    scimOptions: { ...(switchedOn ? { initToken: TEST_TOKEN } : {}), ...scimOptions },
  };
  const child = fork(fileURLToPath(new URL('./host-main.js', import.meta.url)), {
    env: { ...cleanEnv(), SEND_TELEMETRY: 'false', HOST_MAIN_OPTIONS: JSON.stringify(main), ...options.env },
    execArgv: [],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  let isListening = false;
  child.once('message', () => {
    isListening = true;
  });

  const host: Host = {
    url,
    scimUrl,
    token: TEST_TOKEN,
    pid: child.pid ?? 0,
    stop: () => end(child, 'SIGTERM', STOP_TIMEOUT_MS),
    kill: () => end(child, 'SIGKILL', STOP_TIMEOUT_MS),
    logs: () => output,
  };
  const isUp = async (): Promise<boolean> =>
    isListening &&
    (await statusOf(`${url}/health`)) === 200 &&
    (!awaitScim || ![503, undefined].includes(await statusOf(`${scimUrl}/v2/ServiceProviderConfig`)));

  for (const deadline = Date.now() + START_TIMEOUT_MS; Date.now() < deadline && !hasEnded(child); await sleep(POLL_MS)) {
    if (await isUp()) return host;
  }
  await host.kill();
  throw new Error(`The host did not start:\n${output}`);
};

/**
 * The real Unleash with SCIM on 127.0.0.1, ready when it resolves. `HOST_PACKAGE=unleash-server-7` in the environment
 * takes the older supported host.
 */
export const startHost = async (options: HostOptions): Promise<Host> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await launch(options);
    } catch (error) {
      // Another program took the free port first.
      if (attempt === START_ATTEMPTS || !String(error).includes('EADDRINUSE')) throw error;
    }
  }
};
