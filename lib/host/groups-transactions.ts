import type { GroupService, IUnleashServices } from 'unleash-server';
import type { AdminGuard } from '../services/admin-guard.js';
import { type ConnectionPool, Database, lock, type Transaction } from '../stores/database.js';
import type { LifecycleStore } from '../stores/lifecycle-store.js';

type GroupServiceFactory = IUnleashServices['transactionalGroupService'];
/** The host's transaction, as its own factory takes it. */
type HostTransaction = Parameters<GroupServiceFactory>[0];

/** The part of the host's knex instance that opens a transaction. */
export interface KnexLike extends ConnectionPool {
  transaction<Result>(work: (transaction: HostTransaction) => Promise<Result>): Promise<Result>;
}

/** Runs the host's group service in a transaction, and refuses what would leave no admin. */
export class GroupsTransactions {
  readonly #db: KnexLike;
  readonly #createService: GroupServiceFactory;
  readonly #guard: AdminGuard;
  readonly #lifecycle: LifecycleStore;

  constructor(db: KnexLike, services: IUnleashServices, guard: AdminGuard, lifecycle: LifecycleStore) {
    this.#db = db;
    this.#createService = services.transactionalGroupService;
    this.#guard = guard;
    this.#lifecycle = lifecycle;
  }

  async run<Result>(work: (groups: GroupService) => Promise<Result>): Promise<Result> {
    return this.#db.transaction(async (hostTransaction) => {
      // A transaction of knex hands out its own connection, so our statements are part of it.
      const database = new Database(hostTransaction, { prepared: false });
      const transaction: Transaction = { inTransaction: true, query: (statement) => database.query(statement) };
      await lock(transaction, 'admins');
      const someoneWasAdmin = await this.#lifecycle.someoneIsAdmin(transaction);
      const result = await work(this.#createService(hostTransaction));
      await this.#guard.assertAdminLeft(transaction, someoneWasAdmin);
      return result;
    });
  }
}
