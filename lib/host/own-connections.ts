import { Pool, TimeoutError } from 'tarn';
import { ScimError } from '../protocol/errors.js';
import type { ConnectionPool } from '../stores/database.js';
import { instantParser } from '../stores/instant.js';
import type { Session, Sessions } from '../stores/migrations.js';

/** The part of a pg client that is needed here. */
interface Connection extends Session {
  end(): Promise<void>;
  /** Of the socket below. */
  readonly connection?: { readonly stream?: { readonly bytesRead?: number } };
  getTypeParser?(type: number, format: 'text'): (text: string) => unknown;
  setTypeParser?(type: number, format: 'text', parse: (text: string) => unknown): void;
}

const TIMESTAMPTZ = 1184;

/** The part of the host's knex instance that makes connections. */
export interface HostPool extends ConnectionPool {
  readonly client: ConnectionPool['client'] & {
    readonly config: { readonly pool?: object };
    /** Address and credentials, the password as a property that is not enumerable. */
    readonly connectionSettings: object;
    readonly pool?: { on?(event: 'poolDestroyRequest', listener: () => void): unknown };
    /** How knex opens, closes and checks a connection: address, TLS, search path and the host's own `afterCreate` included. */
    getPoolSettings(pool: object | undefined): {
      create(): Promise<unknown>;
      destroy(connection: unknown): Promise<void>;
      validate(connection: unknown): boolean;
    };
  };
}

export interface OwnConnectionsOptions {
  readonly size: number;
  /** Whether a connection is one session of Postgres; a pooler in transaction mode keeps no settings. */
  readonly areSessions: boolean;
}

/** Beyond it a request is told to come again, rather than to hold memory. */
const MAX_WAITING_PER_CONNECTION = 25;
const MAX_WAIT_MS = 5_000;
/** A database that does not answer is given up before those who wait are. */
const MAX_CONNECTING_MS = 4_000;
const MAX_IDLE_MS = 60_000;
const MAX_CLOSING_MS = 5_000;
/** Longer than a statement may take: then nobody is there any more to end it, and the network has not told. */
const MAX_SILENCE_MS = 65_000;
const LISTENING_MS = 5_000;

/**
 * Compiling a plan to machine code takes longer than our statements, and so does planning them: a plan is made once for a
 * connection, by index, because the tables may still be empty when it is made. A statement may take as long as a client is willing to
 * wait, which the largest ones need a fraction of; between two statements of a transaction there is hardly any work.
 */
const SESSION_SETTINGS = `SET application_name = 'unleash-scim'; SET default_transaction_isolation = 'read committed';
SET jit = off; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off;
SET statement_timeout = '60s'; SET idle_in_transaction_session_timeout = '30s'`;

const STOPPING = 'Unleash is stopping; try again shortly.';

const isConnection = (candidate: unknown): candidate is Connection =>
  typeof candidate === 'object' && candidate !== null && 'query' in candidate && 'end' in candidate;

const ignore = (): void => undefined;

/** The same knex, which gives up in time: a connection that hangs would keep its socket for as long as the other side does. */
const impatient = (client: HostPool['client']): HostPool['client'] =>
  Object.create(client, {
    connectionSettings: {
      value: Object.create(Object.prototype, {
        ...Object.getOwnPropertyDescriptors(client.connectionSettings),
        connectionTimeoutMillis: { value: MAX_CONNECTING_MS, enumerable: true },
      }),
      writable: true,
    },
  });

/** What was heard of a connection in use when somebody listened last. */
interface Heard {
  readonly bytes: number | undefined;
  readonly since: number;
}

const unavailable = (detail: string, cause?: unknown): ScimError => new ScimError('unavailable', detail, { cause });

/**
 * Connections of SCIM's own, so that a sync takes none from the pages and the flag API of the host. They are made as the
 * host makes its own and end with them. The one used last is used next: its plans are made already.
 */
export class OwnConnections implements ConnectionPool, Sessions {
  readonly client: ConnectionPool['client'];
  /** Connections that are made for one piece of work, and may take as long as that takes. */
  readonly unhurried: ConnectionPool;
  readonly #pool: Pool<Connection>;
  readonly #create: () => Promise<unknown>;
  readonly #areSessions: boolean;
  readonly #maxWaiting: number;
  readonly #waiting = new Set<ReturnType<Pool<Connection>['acquire']>>();
  readonly #busy = new Map<Connection, Heard | undefined>();
  readonly #sessions = new Set<Connection>();
  readonly #listening: NodeJS.Timeout;
  #isClosed = false;

  constructor({ client }: HostPool, { size, areSessions }: OwnConnectionsOptions) {
    const { create, destroy, validate } = impatient(client).getPoolSettings(client.config.pool);
    this.#create = create;
    this.#areSessions = areSessions;
    this.#maxWaiting = size * MAX_WAITING_PER_CONNECTION;
    this.#pool = new Pool<Connection>({
      min: 0,
      max: size,
      create: () => this.#openForWaiting(),
      destroy,
      validate,
      acquireTimeoutMillis: MAX_WAIT_MS,
      createTimeoutMillis: MAX_WAIT_MS,
      destroyTimeoutMillis: MAX_CLOSING_MS,
      idleTimeoutMillis: MAX_IDLE_MS,
    });
    client.pool?.on?.('poolDestroyRequest', () => this.#close());
    this.#listening = setInterval(() => this.#endSilent(), LISTENING_MS).unref();
    this.client = {
      acquireConnection: () => this.#acquire(),
      releaseConnection: (connection) => isConnection(connection) && this.#release(connection),
    };
    this.unhurried = {
      client: {
        acquireConnection: () => this.#openSession(),
        releaseConnection: (connection) => isConnection(connection) && this.#endSession(connection),
      },
    };
  }

  async session<Result>(work: (session: Session) => Promise<Result>): Promise<Result> {
    const session = await this.#openSession();
    try {
      if (this.#areSessions) await session.query('SET statement_timeout = 0');
      return await work(session);
    } finally {
      await this.#endSession(session);
    }
  }

  async #openSession(): Promise<Connection> {
    const session = await this.#open();
    if (this.#isClosed) {
      await session.end();
      throw unavailable(STOPPING);
    }
    this.#sessions.add(session);
    return session;
  }

  async #endSession(session: Connection): Promise<void> {
    this.#sessions.delete(session);
    await session.end();
  }

  async #open(): Promise<Connection> {
    const connection = await this.#create();
    if (!isConnection(connection)) throw new TypeError('the host gave no PostgreSQL connection');
    const readInstant = connection.getTypeParser?.(TIMESTAMPTZ, 'text');
    if (readInstant !== undefined) connection.setTypeParser?.(TIMESTAMPTZ, 'text', instantParser(readInstant));
    if (!this.#areSessions) return connection;
    // Ends the statement too.
    const timer = setTimeout(() => void connection.end(), MAX_CONNECTING_MS);
    try {
      await connection.query(SESSION_SETTINGS);
    } catch (error) {
      await connection.end();
      throw error;
    } finally {
      clearTimeout(timer);
    }
    return connection;
  }

  /** Where there is no connection at all, whoever waits for one is told at once; else for one that is in use they may wait. */
  async #openForWaiting(): Promise<Connection> {
    try {
      return await this.#open();
    } catch (error) {
      if (this.#pool.numUsed() === 0) for (const waiting of this.#waiting) waiting.reject(error as Error);
      throw error;
    }
  }

  async #acquire(): Promise<Connection> {
    if (this.#isClosed) throw unavailable(STOPPING);
    if (this.#pool.numPendingAcquires() >= this.#maxWaiting) {
      throw unavailable('More requests are waiting for the database than there is room for; try again shortly.');
    }
    const waiting = this.#pool.acquire();
    this.#waiting.add(waiting);
    try {
      const connection = await waiting.promise;
      this.#busy.set(connection, undefined);
      return connection;
    } catch (error) {
      if (this.#isClosed) throw unavailable(STOPPING, error);
      if (!(error instanceof TimeoutError)) throw error;
      throw unavailable('The database of Unleash is busy with other requests; try again shortly.', error);
    } finally {
      this.#waiting.delete(waiting);
    }
  }

  #release(connection: Connection): boolean {
    this.#busy.delete(connection);
    return this.#pool.release(connection);
  }

  /** A request whose answer the network has swallowed would wait for ever, and so would its connection. */
  #endSilent(): void {
    const now = Date.now();
    for (const [connection, heard] of this.#busy) {
      const bytes = connection.connection?.stream?.bytesRead;
      if (heard === undefined || heard.bytes !== bytes) this.#busy.set(connection, { bytes, since: now });
      else if (now - heard.since > MAX_SILENCE_MS) connection.end().catch(ignore);
    }
  }

  /** What is in use is closed when it is given back, which statements do soon; a session may be busy for minutes. */
  #close(): void {
    this.#isClosed = true;
    clearInterval(this.#listening);
    void this.#pool.destroy();
    for (const session of this.#sessions) void session.end();
  }
}
