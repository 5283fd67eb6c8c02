import { afterEach } from '@jest/globals';
import pg from 'pg';
import type { Database } from './database.js';

/** Connections of the host's, which end with the test. */
export const withHostClients = (database: () => Database): (() => Promise<pg.Client>) => {
  const clients: pg.Client[] = [];
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.end()));
  });
  return async () => {
    const client = new pg.Client(database().connection);
    clients.push(client);
    await client.connect();
    return client;
  };
};

/** Transactions that stay open after their first statement, as those of requests on another replica; they end with the test. */
export const withOpenTransactions = (
  database: () => Database,
): ((statement: string, values?: readonly unknown[]) => Promise<pg.Client>) => {
  const hostClient = withHostClients(database);
  return async (statement, values = []) => {
    const client = await hostClient();
    await client.query('BEGIN');
    await client.query(statement, [...values]);
    return client;
  };
};
