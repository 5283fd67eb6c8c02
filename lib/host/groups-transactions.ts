import { BadDataError, type GroupService, type ICreateGroupModel, type IUnleashServices } from 'unleash-server';
import type { AdminGuard } from '../services/admin-guard.js';
import { sql } from '../sql/sql.js';
import { type ConnectionPool, type Transaction, untilWon } from '../stores/database.js';
import { ROOT_TYPES } from '../stores/role-sql.js';
import { within } from './host-transaction.js';

type GroupServiceFactory = IUnleashServices['transactionalGroupService'];
/** The host's transaction, as its own factory takes it. */
type HostTransaction = Parameters<GroupServiceFactory>[0];

/** The part of the host's knex instance that opens a transaction. */
export interface KnexLike extends ConnectionPool {
  transaction<Result>(work: (transaction: HostTransaction) => Promise<Result>): Promise<Result>;
}

type GroupRefs = Pick<ICreateGroupModel, 'rootRole' | 'users'>;

/** The host's service asks neither: a user who was removed would be a member that no page shows, a role for projects gives nothing. */
const assertUsable = async (transaction: Transaction, { rootRole, users = [] }: GroupRefs): Promise<void> => {
  const ids = users.map(({ user }) => user.id);
  const rows = await transaction.query<{ users: number; role: boolean }>(sql`
    SELECT (SELECT count(*)::integer FROM users WHERE id = ANY(${ids}::integer[]) AND deleted_at IS NULL AND NOT is_system) AS users,
      EXISTS (SELECT 1 FROM roles WHERE id = ${rootRole ?? null}::integer AND type IN ${ROOT_TYPES}) AS role`);
  if (rows[0]?.users !== ids.length)
    throw new BadDataError('"users" names somebody who does not exist any more; load the page again');
  if (rootRole != null && rows[0].role === false) throw new BadDataError('"rootRole" is not the id of a root role');
};

/** Runs the host's group service in a transaction, and refuses what would leave no admin. */
export class GroupsTransactions {
  readonly #db: KnexLike;
  readonly #createService: GroupServiceFactory;
  readonly #guard: AdminGuard;

  constructor(db: KnexLike, services: IUnleashServices, guard: AdminGuard) {
    this.#db = db;
    this.#createService = services.transactionalGroupService;
    this.#guard = guard;
  }

  /** Makes or changes a group. @throws BadDataError where it names a user or role that a group cannot have. */
  async save<Result>(group: GroupRefs, work: (groups: GroupService) => Promise<Result>): Promise<Result> {
    return this.run(work, (transaction) => assertUsable(transaction, group));
  }

  async run<Result>(
    work: (groups: GroupService) => Promise<Result>,
    check?: (transaction: Transaction) => Promise<void>,
  ): Promise<Result> {
    const attempt = (): Promise<Result> =>
      this.#db.transaction(async (hostTransaction) => {
        const transaction = within(hostTransaction);
        await check?.(transaction);
        return this.#guard.watch(transaction, () => work(this.#createService(hostTransaction)));
      });
    return untilWon(attempt);
  }
}
