import { type ConnectionPool, Database, type Transaction } from '../stores/database.js';

/** Statements of ours as part of a transaction that the host opened: knex's hands out its own connection. */
export const within = (hostTransaction: ConnectionPool): Transaction => {
  const database = new Database(hostTransaction, { prepared: false });
  return { inTransaction: true, query: (statement) => database.query(statement) };
};
