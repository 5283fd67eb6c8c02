import type { IUnleashServices } from 'unleash-server';
import { ScimError } from '../protocol/errors.js';
import type { AdminGuard } from '../services/admin-guard.js';
import { sql } from '../sql/sql.js';
import { type ConnectionPool, untilWon } from '../stores/database.js';
import { refusalInHostShape } from './admin-errors.js';
import { within } from './host-transaction.js';

type UserService = IUnleashServices['userService'];
type TransactionalUsers = Parameters<Parameters<UserService['transactional']>[0]>[0];

const isPool = (candidate: unknown): candidate is ConnectionPool =>
  typeof candidate === 'function' && 'client' in candidate && typeof candidate.client === 'object';

/**
 * The transaction that a service of the host works in. The host hands the service out and not the transaction, so it is read
 * where the service keeps it.
 */
const transactionOf = (users: object): ConnectionPool => {
  const store = 'store' in users ? users.store : undefined;
  const db = typeof store === 'object' && store !== null && 'db' in store ? store.db : undefined;
  if (!isPool(db)) throw new TypeError('unleash-scim does not know the user service of this version of Unleash');
  return db;
};

/**
 * Keeps the last admin in the host's own Users page, and in whatever else removes users or changes root roles by the host's
 * service: its work and the question who is left are one transaction. Guarded on the object, as the logins are, so that the
 * service of inactive users has it as well.
 */
export const guardUsersPages = (
  { userService }: IUnleashServices,
  guard: AdminGuard,
  logError: (message: string, error: unknown) => void,
): void => {
  try {
    transactionOf(userService);
  } catch (error) {
    // The pages are worth more than their guard.
    logError("Unleash's Users page can take the last admin", error);
    return;
  }

  const watched = async <Result>(userId: number, work: (users: TransactionalUsers) => Promise<Result>): Promise<Result> => {
    const attempt = async (users: TransactionalUsers): Promise<Result> => {
      const transaction = within(transactionOf(users));
      // The person's row comes first, as in the changes of SCIM, and the lock of the guard last.
      await transaction.query(sql`SELECT 1 FROM users WHERE id = ${userId}::bigint FOR UPDATE`);
      return guard.watch(transaction, () => work(users));
    };
    try {
      return await untilWon(async () => await userService.transactional(attempt));
    } catch (error) {
      throw error instanceof ScimError ? refusalInHostShape(error) : error;
    }
  };

  const deleteUser = userService.deleteUser.bind(userService);
  userService.deleteUser = async (userId, audit) =>
    Number.isSafeInteger(userId) ? watched(userId, (users) => users.deleteUser(userId, audit)) : deleteUser(userId, audit);

  const updateUser = userService.updateUser.bind(userService);
  userService.updateUser = async (change, audit) => {
    // The host passes on the id of the address, which is text.
    const userId = Number(change.id);
    return change.rootRole !== undefined && Number.isSafeInteger(userId)
      ? watched(userId, (users) => users.updateUser(change, audit))
      : updateUser(change, audit);
  };
};
