import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { SqlCall, type SqlFragment, SqlScript, sql } from '../sql/sql.js';
import { type Access, type Proof, proven, provenBy } from './access.js';
import { isBroken, translate, untilWon } from './database-errors.js';

export { type Access, AccessEnded } from './access.js';
export { LostRace, untilWon } from './database-errors.js';

/** A statement as a pg client takes it. Postgres keeps the plan of one that has a name. */
interface Query {
  readonly name?: string;
  readonly text: string;
  readonly values?: unknown[];
}

/** The part of a pg client that statements need. */
interface Connection {
  query(query: Query): Promise<{ readonly rows: unknown[] }>;
  end(): Promise<void>;
}

/** What hands out connections: the host's knex instance, a transaction of it, or a pool of ours in the same shape. */
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

/** A transaction that is open: statements of it see each other, and nobody else does. */
export interface Transaction extends Queryable {
  readonly inTransaction: true;
}

/** A function of ours in the database, which does the whole work of a request in one call. */
export interface SqlFunction {
  /** Also the name of the prepared statement. */
  readonly name: string;
  readonly text: string;
  readonly parameters: number;
}

/** @param name - of a function that has one form only, so that its parameters need no types. */
export const sqlFunction = (name: `scim_${string}`, parameters: number): SqlFunction => {
  const places = Array.from({ length: parameters }, (_, index) => `$${index + 1}`);
  return { name, text: `SELECT * FROM ${name}(${places.join(', ')})`, parameters };
};

/** Different texts that are prepared by name. A filter's shape is up to the client, so what comes later is sent unnamed. */
const MAX_PREPARED = 256;

/**
 * `scim.writer` tells the triggers on the host's tables that the writes are ours. Statements that go in one round trip have no
 * parameters; a number and a boolean need none.
 */
const beginWith = (access: Access | undefined): string => {
  const begin = "BEGIN; SET LOCAL scim.writer = 'on'";
  if (access === undefined) return begin;
  if (!Number.isSafeInteger(access.tokenNumber)) throw new TypeError('the number of a token is a whole number');
  return `${begin}; SELECT scim_admits(${access.tokenNumber}, ${access.writes === true})`;
};

/** A connection whose other side does not answer any more may never end. */
const MAX_ENDING_MS = 500;

const ignore = (): void => undefined;

const nameOf = (text: string): string => `scim_${createHash('sha256').update(text).digest('hex').slice(0, 24)}`;

const isConnection = (candidate: unknown): candidate is Connection =>
  typeof candidate === 'object' && candidate !== null && 'query' in candidate && typeof candidate.query === 'function';

/** The host's database. Statements are prepared by name, unless a pooler in transaction mode sits in front (`prepared: false`). */
export class Database implements Queryable {
  readonly #pool: ConnectionPool;
  readonly #prepared: boolean;
  readonly #names = new Map<string, string>();
  /** Of statements whose text never changes, by their templates: as they are, and with the proof of access. */
  readonly #kept = {
    plain: new WeakMap<SqlFragment, Query>(),
    reading: new WeakMap<SqlFragment, Query>(),
    writing: new WeakMap<SqlFragment, Query>(),
  };

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
    const query = this.#queryOf(statement, access);
    if (access === undefined) return this.#withConnection((connection) => this.#run<Row>(connection, query));
    return proven(await this.#withConnection((connection) => this.#run<Row & Proof>(connection, query)));
  }

  /**
   * Calls a function of ours.
   *
   * @throws {AccessEnded}
   */
  async call<Row>({ name, text, parameters }: SqlFunction, values: readonly unknown[]): Promise<readonly Row[]> {
    if (values.length !== parameters) throw new TypeError(`${name} takes ${parameters} values, not ${values.length}`);
    const query = this.#prepared ? { name, text, values: [...values] } : { text, values: [...values] };
    return untilWon(() => this.#withConnection((connection) => this.#run<Row>(connection, query)));
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
        query: <Row>(statement: SqlFragment) => this.#run<Row>(connection, this.#queryOf(statement, undefined)),
      });
      await connection.query({ text: 'COMMIT' });
      return result;
    } catch (error) {
      // A connection that is broken cannot roll back; Postgres does it when the connection ends.
      await connection.query({ text: 'ROLLBACK' }).catch(ignore);
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
      // Whoever gets it next would fail on it again.
      if (isBroken(error) && isConnection(connection))
        await Promise.race([connection.end().catch(ignore), sleep(MAX_ENDING_MS, undefined, { ref: false })]);
      throw translate(error);
    } finally {
      if (connection !== undefined) await this.#pool.client.releaseConnection(connection);
    }
  }

  async #run<Row>(connection: Connection, query: Query): Promise<readonly Row[]> {
    const { rows } = await connection.query(query);
    return rows as readonly Row[];
  }

  #queryOf(statement: SqlFragment, access: Access | undefined): Query {
    if (!(statement instanceof SqlCall)) return this.#named(statement, access);
    const kept = access === undefined ? this.#kept.plain : access.writes ? this.#kept.writing : this.#kept.reading;
    let query = kept.get(statement.template);
    if (query === undefined) {
      const { text } = (access === undefined ? statement.template : provenBy(statement.template, access)).toQuery();
      query = this.#prepared ? { name: nameOf(text), text } : { text };
      kept.set(statement.template, query);
    }
    const values = access === undefined ? [...statement.values] : [access.tokenNumber, ...statement.values];
    return { ...query, values };
  }

  #named(statement: SqlFragment, access: Access | undefined): Query {
    const { text, values } = (access === undefined ? statement : provenBy(statement, access)).toQuery();
    if (!this.#prepared || statement instanceof SqlScript) return { text, values };
    let name = this.#names.get(text);
    if (name === undefined && this.#names.size < MAX_PREPARED) {
      name = nameOf(text);
      this.#names.set(text, name);
    }
    return name === undefined ? { text, values } : { name, text, values };
  }
}

/** Numbers of the advisory locks, so that none is taken for two things. The first half of the key is ours alone. */
const LOCK_SPACE = 0x5343_494d;
const LOCKS = { migrate: 1, admins: 2, settings: 3, indexes: 4 } as const;

export const lockKey = (name: keyof typeof LOCKS): readonly [number, number] => [LOCK_SPACE, LOCKS[name]];

/** Waits for a lock that ends with the transaction. */
export const lock = async (transaction: Transaction, name: keyof typeof LOCKS): Promise<void> => {
  const [space, number] = lockKey(name);
  await transaction.query(sql`SELECT pg_advisory_xact_lock(${space}, ${number})`);
};
