import { randomBytes } from 'node:crypto';
import pg from 'pg';

const PREFIX = 'scim_test';
const LEFT_OVER_AFTER_HOURS = 6;

export interface Connection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

export interface Database {
  readonly name: string;
  readonly url: string;
  readonly connection: Connection;
  query<Row extends pg.QueryResultRow = pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  /** Closes the connections of `query`; the next one opens them again. */
  disconnect(): Promise<void>;
  drop(): Promise<void>;
}

export const connectionOf = (url: string): Connection => {
  const { hostname, port, username, password, pathname } = new URL(url);
  return {
    host: hostname,
    port: Number(port || 5432),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: decodeURIComponent(pathname.slice(1)) || 'postgres',
  };
};

const urlOf = ({ host, port, user, password, database }: Connection): string =>
  `postgres://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${host}:${port}/${database}?sslmode=disable`;

/** Tells this process and the test workers it starts which server to use, and which database to copy. */
export const useServer = (connection: Connection, template?: string): void => {
  process.env.TEST_SERVER_URL = urlOf(connection);
  if (template !== undefined) process.env.TEST_TEMPLATE = template;
};

const serverConnection = (): Connection => {
  const url = process.env.TEST_SERVER_URL;
  if (url === undefined) throw new Error('No test database: this test belongs to a jest project with the global set-up.');
  return connectionOf(url);
};

const onServer = async <T>(task: (client: pg.Client) => Promise<T>): Promise<T> => {
  const client = new pg.Client(serverConnection());
  await client.connect();
  try {
    return await task(client);
  } finally {
    await client.end();
  }
};

/** Drops databases of runs that were killed; only for a server that outlives the run. */
export const dropLeftovers = (): Promise<void> =>
  onServer(async (client) => {
    const { rows } = await client.query<{ datname: string }>('SELECT datname FROM pg_database WHERE datname LIKE $1', [
      `${PREFIX}\\_%`,
    ]);
    const limit = Date.now() - LEFT_OVER_AFTER_HOURS * 3_600_000;
    for (const { datname } of rows) {
      const madeAt = Number.parseInt(datname.split('_')[2] ?? '', 36);
      if (madeAt < limit) await client.query(`DROP DATABASE IF EXISTS ${client.escapeIdentifier(datname)} WITH (FORCE)`);
    }
  });

/** A database that somebody else makes and drops. */
export const openDatabase = (connection: Connection): Omit<Database, 'drop'> => {
  let pool: pg.Pool | undefined;
  return {
    name: connection.database,
    url: urlOf(connection),
    connection,
    query: async <Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<Row[]> => {
      // Never idle for too long: what a connection holds, such as a lock, a test counts on while a slow host starts.
      pool ??= new pg.Pool({ ...connection, max: 4, idleTimeoutMillis: 0 }).on('error', () => undefined);
      return (await pool.query<Row>(text, [...values])).rows;
    },
    disconnect: async () => {
      const open = pool;
      pool = undefined;
      await open?.end();
    },
  };
};

/** A database of one's own: a copy of the migrated template with its first admin, or an empty one to be migrated. */
export const createDatabase = async (options: { readonly empty?: boolean } = {}): Promise<Database> => {
  const name = `${PREFIX}_${Date.now().toString(36)}_${randomBytes(4).toString('hex')}`;
  await onServer(async (client) => {
    const template = options.empty ? 'template1' : (process.env.TEST_TEMPLATE ?? 'template1');
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${client.escapeIdentifier(template)}`);
  });
  const database = openDatabase({ ...serverConnection(), database: name });
  return {
    ...database,
    drop: async () => {
      await database.disconnect();
      await onServer((client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
    },
  };
};
