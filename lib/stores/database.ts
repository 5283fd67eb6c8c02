import { createHash } from 'node:crypto';
import { ScimError } from '../protocol/errors.js';
import { type SqlFragment, sql } from '../sql/sql.js';

/** The part of a pg client that statements need; the host's pool hands them out. */
interface Connection {
  query(statement: {
    readonly name?: string;
    readonly text: string;
    readonly values?: unknown[];
  }): Promise<{ readonly rows: unknown[] }>;
}

/** The part of the host's knex instance that the stores use. */
export interface ConnectionPool {
  readonly client: {
    acquireConnection(): Promise<unknown>;
    releaseConnection(connection: unknown): unknown;
  };
}

/** Runs statements, each in one round trip. */
export interface Queryable {
  query<Row>(statement: SqlFragment): Promise<readonly Row[]>;
}

/** What a request is let in by; proven within its own statements, for another replica may have closed the door meanwhile. */
export interface Access {
  readonly tokenNumber: number;
  readonly writes: boolean;
}

/** The door was closed: the token was replaced, SCIM switched off, or maintenance begun. Nothing was read or changed. */
export class AccessEnded extends Error {
  override readonly name = 'AccessEnded';
}

/** A transaction that is open: statements of it see each other, and nobody else does. */
export interface Transaction extends Queryable {
  readonly inTransaction: true;
}

/** Different texts that are prepared by name. A filter's shape is up to the client, so what comes later is sent unnamed. */
const MAX_PREPARED = 256;

/** Times that a transaction is tried when Postgres says it lost a race (deadlock, serialisation failure). */
const MAX_ATTEMPTS = 4;

const errorCode = (error: unknown): string | undefined =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

const LOST_RACE: ReadonlySet<string> = new Set(['40001', '40P01']);

/** Class 08, 57 and 53 of the SQLSTATEs and the socket's own codes: the database is not there, or has no room. */
const isUnavailable = (error: unknown): boolean => {
  const code = errorCode(error) ?? '';
  const name = error instanceof Error ? error.name : '';
  const message = error instanceof Error ? error.message : '';
  return (
    /^(08|53|57P)/.test(code) ||
    ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND'].includes(code) ||
    name === 'KnexTimeoutError' ||
    /^(Connection terminated|Client has encountered a connection error|Unable to acquire a connection)/.test(message)
  );
};

/** Unique indexes, the host's and ours, and the attribute that each one keeps unique. */
const UNIQUE: Readonly<Record<string, string>> = {
  users_email_key: 'The e-mail belongs to another user of Unleash; find them by a filter on emails.value.',
  users_username_key: 'userName belongs to another user of Unleash; find them by a filter on userName.',
  scim_users_user_name_key: 'userName belongs to a person whom SCIM already manages; find them by a filter on userName.',
  scim_users_external_id_key: 'externalId belongs to a person whom SCIM already manages; find them by a filter on externalId.',
  users_scim_external_id_uniq_idx:
    'externalId belongs to a person whom SCIM already manages; find them by a filter on externalId.',
  groups_scim_external_id_uniq_idx: 'externalId belongs to a group that SCIM already manages; find it by a filter on externalId.',
};

/** Raised by the function `scim_admits`. */
const ACCESS_ENDED = 'SC001';

/** The one place where what Postgres refuses becomes what a client is told. */
const translate = (error: unknown): unknown => {
  if (errorCode(error) === ACCESS_ENDED) return new AccessEnded('SCIM is closed to this token', { cause: error });
  if (isUnavailable(error)) {
    return new ScimError('unavailable', 'The database of Unleash cannot be reached at the moment; try again shortly.', {
      cause: error,
    });
  }
  const constraint =
    errorCode(error) === '23505' && typeof error === 'object' && error !== null && 'constraint' in error
      ? String(error.constraint)
      : '';
  const detail = UNIQUE[constraint];
  return detail === undefined ? error : new ScimError('uniqueness', detail, { cause: error });
};

/** Two statements in one round trip have no parameters; a number and a boolean need none. */
const beginWith = (access: Access | undefined): string => {
  if (access === undefined) return 'BEGIN';
  if (!Number.isSafeInteger(access.tokenNumber)) throw new TypeError('the number of a token is a whole number');
  return `BEGIN; SELECT scim_admits(${access.tokenNumber}, ${access.writes === true})`;
};

const isConnection = (candidate: unknown): candidate is Connection =>
  typeof candidate === 'object' && candidate !== null && 'query' in candidate && typeof candidate.query === 'function';

/** Runs a transaction again when Postgres ends it for a lost race. @throws {ScimError} `unavailable` when it goes on to lose. */
export const untilWon = async <Result>(transact: () => Promise<Result>): Promise<Result> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await transact();
    } catch (error) {
      if (!LOST_RACE.has(errorCode(error) ?? '')) throw error;
      if (attempt === MAX_ATTEMPTS) {
        throw new ScimError('unavailable', 'Other changes got in the way of this one; nothing was changed, try again.', {
          cause: error,
        });
      }
    }
  }
};

/** The host's database. Statements are prepared by name, unless a pooler in transaction mode sits in front (`prepared: false`). */
export class Database implements Queryable {
  readonly #pool: ConnectionPool;
  readonly #prepared: boolean;
  readonly #names = new Map<string, string>();

  constructor(pool: ConnectionPool, options: { readonly prepared: boolean }) {
    this.#pool = pool;
    this.#prepared = options.prepared;
  }

  /**
   * Runs a SELECT, or any statement where no access has to be proven.
   *
   * @throws {AccessEnded}
   */
  async query<Row>(statement: SqlFragment, access?: Access): Promise<readonly Row[]> {
    const proven =
      access === undefined
        ? statement
        : sql`SELECT admitted.* FROM (${statement}) admitted WHERE scim_admits(${access.tokenNumber}::integer, ${access.writes}::boolean)`;
    return this.#withConnection((connection) => this.#run<Row>(connection, proven));
  }

  /**
   * Runs `work` in a transaction. It is run again from its beginning when Postgres ends it for a lost race, so it must have
   * no effect outside of the database.
   *
   * @throws {ScimError} `unavailable` when the database cannot be reached or goes on to lose the race.
   * @throws {AccessEnded}
   */
  async transaction<Result>(work: (transaction: Transaction) => Promise<Result>, access?: Access): Promise<Result> {
    return untilWon(() => this.#withConnection((connection) => this.#attempt(connection, work, access)));
  }

  async #attempt<Result>(
    connection: Connection,
    work: (transaction: Transaction) => Promise<Result>,
    access: Access | undefined,
  ): Promise<Result> {
    try {
      await connection.query({ text: beginWith(access) });
      const result = await work({
        inTransaction: true,
        query: <Row>(statement: SqlFragment) => this.#run<Row>(connection, statement),
      });
      await connection.query({ text: 'COMMIT' });
      return result;
    } catch (error) {
      // A connection that is broken cannot roll back; Postgres does it when the connection ends.
      await connection.query({ text: 'ROLLBACK' }).catch(() => undefined);
      throw error;
    }
  }

  async #withConnection<Result>(work: (connection: Connection) => Promise<Result>): Promise<Result> {
    let connection: unknown;
    try {
      connection = await this.#pool.client.acquireConnection();
      if (!isConnection(connection)) throw new TypeError('the host gave no PostgreSQL connection');
      return await work(connection);
    } catch (error) {
      throw translate(error);
    } finally {
      if (connection !== undefined) await this.#pool.client.releaseConnection(connection);
    }
  }

  async #run<Row>(connection: Connection, statement: SqlFragment): Promise<readonly Row[]> {
    const { text, values } = statement.toQuery();
    const name = this.#nameOf(text);
    const { rows } = await connection.query(name === undefined ? { text, values } : { name, text, values });
    return rows as readonly Row[];
  }

  #nameOf(text: string): string | undefined {
    if (!this.#prepared) return undefined;
    const known = this.#names.get(text);
    if (known !== undefined || this.#names.size >= MAX_PREPARED) return known;
    const name = `scim_${createHash('sha256').update(text).digest('hex').slice(0, 24)}`;
    this.#names.set(text, name);
    return name;
  }
}

/** Numbers of the advisory locks, so that none is taken for two things. The first half of the key is ours alone. */
const LOCK_SPACE = 0x5343_494d;
const LOCKS = { migrate: 1, admins: 2, settings: 3 } as const;

/** Waits for a lock that ends with the transaction. */
export const lock = async (transaction: Transaction, name: keyof typeof LOCKS): Promise<void> => {
  await transaction.query(sql`SELECT pg_advisory_xact_lock(${LOCK_SPACE}, ${LOCKS[name]})`);
};
