import { ScimError } from '../protocol/errors.js';
import { lock, type Transaction } from '../stores/database.js';
import type { LifecycleStore } from '../stores/lifecycle-store.js';

/** Refuses what would leave nobody with the ADMIN permission. */
export class AdminGuard {
  readonly #lifecycle: LifecycleStore;
  readonly #enabled: boolean;

  constructor(lifecycle: LifecycleStore, options: { readonly enabled: boolean }) {
    this.#lifecycle = lifecycle;
    this.#enabled = options.enabled;
  }

  /**
   * Runs work of others as the last of a transaction, which does not tell whether it takes the ADMIN permission from somebody.
   *
   * @throws {ScimError} `conflict`, which undoes the transaction.
   */
  async watch<Result>(transaction: Transaction, work: () => Promise<Result>): Promise<Result> {
    const someoneWasAdmin = this.#enabled && (await this.#lifecycle.someoneIsAdmin(transaction));
    const result = await work();
    await this.assertAdminLeft(transaction, someoneWasAdmin);
    return result;
  }

  /**
   * To be called as the last of a transaction, with what its changes said of the ADMIN permission. Of two transactions that
   * each take one of the last two admins the second waits at the lock, then sees what the first has left.
   *
   * @throws {ScimError} `conflict`, which undoes the transaction.
   */
  async assertAdminLeft(transaction: Transaction, heldAdmin: boolean): Promise<void> {
    if (!heldAdmin || !this.#enabled) return;
    await lock(transaction, 'admins');
    if (await this.#lifecycle.someoneIsAdmin(transaction)) return;
    throw new ScimError(
      'conflict',
      'Refused: nobody would be left who can administer Unleash. Either give the Admin role to a synced group that has members, or keep a recovery admin, a local user with the Admin role; then repeat this change.',
    );
  }
}
