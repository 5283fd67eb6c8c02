import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createServer as createProbe } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Application } from 'express';
import type { Db, IUnleash, IUnleashOptions } from 'unleash-server';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.js';
import { explain, hostEnvDefaults, readSettings, StartError, type StartSettings } from './start-settings.js';

/** Longer than the host's grace for open requests (one second), shorter than what supervisors wait (ten). */
const STOP_HOST_MS = 5_000;
/** With the migrations still waiting after this long, Unleash serves and SCIM answers 503 by itself. */
const HOLD_LISTENING_MS = 120_000;
const PARENT_POLL_MS = 500;
const DEFAULT_ADMIN = { username: 'admin', password: 'unleash4all' };

const say = (line: string): void => console.log(line);
const warn = (line: string): void => console.error(line);

const requireFreePort = async ({ port, httpHost }: StartSettings): Promise<void> => {
  const probe = createProbe().listen(port, httpHost);
  await once(probe, 'listening');
  probe.close();
  await once(probe, 'close');
};

/** Sessions are signed with it; the host's own default is the same in every installation. */
const keptSecret = async (dataDir: string): Promise<string> => {
  const path = join(dataDir, 'unleash-secret');
  const kept = (await readFile(path, 'utf8').catch(() => '')).trim();
  if (kept !== '') return kept;
  const secret = randomBytes(32).toString('hex');
  await writeFile(path, `${secret}\n`, { mode: 0o600 });
  return secret;
};

/** The host listens without waiting for hooks; this lets it, but opens the port only when `ready` has settled. */
const holdListening = (app: Application, ready: Promise<void>): void => {
  const listen = (...args: Parameters<Server['listen']>): Server => {
    const server = createServer(app);
    const open = (): void => {
      try {
        server.listen(...args);
      } catch (error) {
        server.emit('error', error);
      }
    };
    void Promise.race([ready, sleep(HOLD_LISTENING_MS, undefined, { ref: false })]).then(open, open);
    return server;
  };
  app.listen = listen as Application['listen'];
};

/** The login of an Unleash that nobody has logged in to yet. */
const firstLogin = async (db: Db): Promise<string | undefined> => {
  const people = await db('users')
    .select('username', 'seen_at')
    .where({ deleted_at: null, is_system: false })
    .andWhereRaw('is_service IS NOT TRUE')
    .limit(2);
  const [admin] = people;
  if (people.length !== 1 || admin.seen_at !== null) return undefined;
  const { UNLEASH_DEFAULT_ADMIN_USERNAME: username, UNLEASH_DEFAULT_ADMIN_PASSWORD: password } = process.env;
  if (username && password) return `${username}, with the password in UNLEASH_DEFAULT_ADMIN_PASSWORD`;
  return admin.username === DEFAULT_ADMIN.username ? Object.values(DEFAULT_ADMIN).join(' / ') : undefined;
};

const announce = async (settings: StartSettings, db: Db | undefined): Promise<void> => {
  const login = db && (await firstLogin(db).catch(() => undefined));
  const { initToken, enterpriseVersion } = settings;
  const token = initToken
    ? 'the one in INIT_SCIM_TOKEN, unless another was made before'
    : 'Admin settings -> Single sign-on -> SCIM, or start with INIT_SCIM_TOKEN';
  say('');
  say(`Unleash      ${settings.unleashUrl}`);
  if (login !== undefined) say(`First login  ${login}`);
  say(`SCIM         ${enterpriseVersion === undefined ? 'off, because ENTERPRISE_VERSION is empty' : settings.scimUrl}`);
  if (enterpriseVersion !== undefined) say(`SCIM token   ${token}`);
};

/**
 * npm passes a signal to the shell between it and this program, and many a shell dies of it without a word to its
 * child: the end of that shell is then the only sign of the stop.
 */
const whenNpmIsStopped = (stop: () => void): void => {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) stop();
  }, PARENT_POLL_MS).unref();
};

class Program {
  #settings: StartSettings | undefined;
  #database: Promise<EmbeddedPostgres> | undefined;
  #unleash: IUnleash | undefined;
  #ending = false;

  async run(): Promise<void> {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void this.#end(0));
    whenNpmIsStopped(() => void this.#end(0));
    try {
      await this.#start();
    } catch (error) {
      // What fails because of a stop that is under way is no news.
      if (this.#ending) return;
      const line = explain(error, this.#settings);
      warn(line ?? `Unleash could not start: ${error instanceof Error ? error.message : String(error)}`);
      if (line === undefined && process.env.LOG_LEVEL === 'debug') console.error(error);
      await this.#end(1);
    }
  }

  async #start(): Promise<void> {
    const settings = readSettings(process.env);
    this.#settings = settings;
    await requireFreePort(settings);
    for (const [name, value] of Object.entries(hostEnvDefaults(settings))) process.env[name] ||= value;
    const database = await this.#openDatabase(settings);
    if (this.#ending) return;

    // Loaded only now: the host reads the environment when it is imported.
    const [{ start }, { composeScim }] = await Promise.all([import('unleash-server'), import('./with-scim.js')]);
    const hostOptions: IUnleashOptions = {
      ...(settings.enterpriseVersion === undefined ? {} : { enterpriseVersion: settings.enterpriseVersion }),
      ...(database === undefined ? {} : { db: database }),
      // The host's own handler would end the process before the database has been stopped.
      server: { gracefulShutdownEnable: false },
    };
    const { options, ready } = composeScim(
      hostOptions,
      settings.initToken === undefined ? {} : { initToken: settings.initToken },
    );
    // Rejected migrations are logged where they happen, and Unleash serves without SCIM.
    ready.catch(() => undefined);
    let db: Db | undefined;
    const preHook = (app: Application, config: unknown, services: unknown, hostDb: Db): void => {
      db = hostDb;
      holdListening(app, ready);
      options.preHook?.(app, config, services, hostDb);
    };
    const unleash = await start({ ...options, preHook });
    this.#unleash = unleash;
    if (!this.#ending) await announce(settings, db);
  }

  async #openDatabase({ dataDir }: StartSettings): Promise<IUnleashOptions['db']> {
    if (dataDir === undefined) {
      if (!process.env.UNLEASH_SECRET) {
        warn('Warning: UNLEASH_SECRET is not set, so sessions are signed with a secret that everybody knows.');
      }
      return undefined;
    }
    say(`Starting Unleash with its database in ${dataDir}`);
    this.#database = startEmbeddedPostgres({ dataDir, log: warn }).catch((cause: unknown) => {
      throw new StartError(cause instanceof Error ? cause.message : String(cause), { cause });
    });
    const { host, port, user, password, database } = await this.#database;
    process.env.UNLEASH_SECRET ||= await keptSecret(dataDir);
    return { host, port, user, password, database, ssl: false };
  }

  /** The server first, then its database. */
  async #end(code: number): Promise<void> {
    if (this.#ending) return;
    this.#ending = true;
    const halt = this.#unleash?.stop().catch((error: unknown) => warn(`Unleash did not stop cleanly: ${String(error)}`));
    await Promise.race([halt, sleep(STOP_HOST_MS)]);
    const database = await this.#database?.catch(() => undefined);
    await database?.stop();
    process.exit(code);
  }
}

/** Runs Unleash with SCIM until SIGINT, SIGTERM or SIGHUP, or ends the process with code 1 and a line that says why. */
export const main = (): Promise<void> => new Program().run();
