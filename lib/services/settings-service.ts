import { setTimeout as sleep } from 'node:timers/promises';
import { ScimError } from '../protocol/errors.js';
import { type Database, lock } from '../stores/database.js';
import type { Audit } from '../stores/event-sql.js';
import type { GroupStore } from '../stores/group-store.js';
import type { LifecycleStore } from '../stores/lifecycle-store.js';
import type { PersonStore } from '../stores/person-store.js';
import type { RosterStore } from '../stores/roster-store.js';
import type { Gate, SettingsStore } from '../stores/settings-store.js';
import type { AdminGuard } from './admin-guard.js';
import type { FailureSummary } from './failure-tally.js';
import { SharedReads } from './shared-reads.js';
import { createToken, hashToken, tokenMatches } from './token.js';

export interface SettingsStores {
  readonly settings: SettingsStore;
  readonly persons: PersonStore;
  readonly groups: GroupStore;
  readonly lifecycle: LifecycleStore;
  readonly roster: RosterStore;
}

/** Why a request may not pass. */
export type Refusal = 'unauthorized' | 'disabled' | 'maintenance';

export interface Admission {
  readonly gate: Gate;
  readonly refusal: Refusal | undefined;
}

/**
 * How often tokens that nobody knows are looked up: whoever makes them up costs the database no more than this. A token that was made
 * on another replica waits for a twentieth of a second at the most, once.
 */
const LOOK_UPS = { rate: { perSecond: 20, burst: 20 }, patienceMs: 5_000 };

/** What was let in before the door was closed may go on for so long; then it is ended, and has the same time to end in. */
const MAX_UNDER_WAY_MS = 2_000;
const LOOK_EVERY_MS = 20;

/** What the settings page does, and who may come in. */
export class SettingsService {
  readonly #database: Database;
  readonly #stores: SettingsStores;
  readonly #guard: AdminGuard;
  readonly #lookUps: SharedReads<Gate>;
  /** As it was read last. Never enough to let somebody in: it only saves the asking. */
  #gate: Gate | undefined;

  constructor(database: Database, stores: SettingsStores, guard: AdminGuard) {
    this.#database = database;
    this.#stores = stores;
    this.#guard = guard;
    this.#lookUps = new SharedReads(() => stores.settings.readGate(database), LOOK_UPS);
  }

  /**
   * Lets a request in, or says why not. RFC 7644 2: a wrong token is told before the switch, so that nobody without one learns
   * how it stands. The gate that was read last opens the door for a token that fits it, without a statement of its own: the
   * statements of the request prove the access that comes with it. `fresh` reads it anew, for requests that have no statement.
   * All tokens that do not fit what was read last share their look-ups, and wait for one that began after they came.
   */
  async admit(token: string | undefined, wish: { readonly writes: boolean; readonly fresh: boolean }): Promise<Admission> {
    const known = wish.fresh ? undefined : this.admitKnown(token);
    if (known !== undefined) return { gate: known, refusal: undefined };
    const sent = hashToken(token ?? '');
    const isExpected = tokenMatches(sent, this.#gate?.tokenHash ?? null);
    const gate = await (isExpected ? this.#stores.settings.readGate(this.#database) : this.#lookUps.ask());
    this.#gate = gate;
    if (!tokenMatches(sent, gate.tokenHash)) return { gate, refusal: 'unauthorized' };
    if (!gate.enabled) return { gate, refusal: 'disabled' };
    return { gate, refusal: wish.writes && gate.maintenance ? 'maintenance' : undefined };
  }

  /** `admit` without asking: the gate that was read last, where the token fits it and it stands open for all requests. */
  admitKnown(token: string | undefined): Gate | undefined {
    const known = this.#gate;
    if (known === undefined || !tokenMatches(hashToken(token ?? ''), known.tokenHash)) return undefined;
    return known.enabled && !known.maintenance ? known : undefined;
  }

  async isEnabled(): Promise<boolean> {
    return (await this.#stores.settings.readGate(this.#database)).enabled;
  }

  /** The shape that the settings page reads. */
  async read(): Promise<{ readonly enabled: boolean; readonly hasToken: boolean }> {
    const gate = await this.#stores.settings.readGate(this.#database);
    return { enabled: gate.enabled, hasToken: gate.tokenHash !== null };
  }

  async setEnabled(enabled: boolean, audit: Audit): Promise<void> {
    await this.#database.transaction(async (transaction) => {
      await lock(transaction, 'settings');
      await this.#stores.settings.setEnabled(transaction, enabled, audit);
      if (enabled) await this.#stores.persons.absorb(transaction);
    });
    if (!enabled) await this.#endUnderWay();
  }

  /**
   * Makes a token in place of the one before. It is in the answer only: the database has its hash. When it settles, nothing that
   * the token before let in is still under way, on any replica.
   */
  async replaceToken(audit: Audit): Promise<string> {
    const token = createToken();
    await this.#stores.settings.replaceToken(this.#database, hashToken(token), audit);
    await this.#endUnderWay();
    return token;
  }

  /** Tells the event log of requests that were refused for their token. @returns false in maintenance mode: nothing was written. */
  async tellFailures({ from, until, count, throttled, addresses, tokens }: FailureSummary, audit: Audit): Promise<boolean> {
    const failures = { count, throttled, from: from.toISOString(), until: until.toISOString(), addresses, tokens };
    return this.#stores.settings.tellFailures(this.#database, failures, audit);
  }

  /** Waits for what was let in before the door was closed, and ends what takes long. */
  async #endUnderWay(): Promise<void> {
    const { settings } = this.#stores;
    try {
      const begunAt = performance.now();
      await sleep(LOOK_EVERY_MS);
      for (let left = await settings.underWay(this.#database); left.length > 0; ) {
        const waitedMs = performance.now() - begunAt;
        if (waitedMs > 2 * MAX_UNDER_WAY_MS) return;
        if (waitedMs > MAX_UNDER_WAY_MS) await settings.cancel(this.#database, left);
        await sleep(LOOK_EVERY_MS);
        const now = new Set(await settings.underWay(this.#database));
        left = left.filter((name) => now.has(name));
      }
    } catch {
      // The door is closed already, and whoever closed it must learn of that; what is under way has time limits of its own.
    }
  }

  /**
   * At the start: stores the operator's token and switches SCIM on, where there never was a token.
   *
   * @returns false where there is one already, which stays.
   */
  async bootstrap(token: string, audit: Audit): Promise<boolean> {
    return this.#database.transaction(async (transaction) => {
      await lock(transaction, 'settings');
      const gate = await this.#stores.settings.readGate(transaction);
      if (gate.tokenHash !== null) return false;
      await this.#stores.settings.replaceToken(transaction, hashToken(token), audit);
      await this.#stores.settings.setEnabled(transaction, true, audit);
      return true;
    });
  }

  /**
   * The page's button: soft-deletes everybody whom SCIM manages and forgets them, so that the identity provider or a login may
   * bring them anew. Where no admin would be left, one stays as a local user, session alive: the acting one, else the oldest.
   *
   * @returns the host ids of who was deleted.
   */
  async deletePeople(actingUserId: number, audit: Audit): Promise<readonly number[]> {
    const { persons, groups, lifecycle, roster } = this.#stores;
    return this.#database.transaction(async (transaction) => {
      await groups.lockManaged(transaction, 'changes');
      const all = await roster.lockAll(transaction);
      const live = await roster.live(transaction, all);
      // After the rows, as in every other change, or two of them could wait for each other.
      await lock(transaction, 'admins');
      await persons.absorb(transaction);
      const admins = await roster.admins(transaction);
      const managedAdmins = admins.filter((id) => live.includes(id));
      const kept =
        managedAdmins.length === admins.length
          ? (managedAdmins.find((id) => id === actingUserId) ?? managedAdmins[0])
          : undefined;
      const ids = live.filter((id) => id !== kept);
      if (kept !== undefined) await roster.release(transaction, kept);
      await roster.pauseCounting(transaction);
      await lifecycle.softDelete(transaction, ids, 'gone', audit);
      const suspended = await roster.suspended(transaction, all);
      await lifecycle.endSuspended(transaction, suspended, audit);
      await roster.forget(transaction, [...ids, ...suspended]);
      await roster.recount(transaction);
      await roster.tell(transaction, 'scim-users-deleted', audit);
      return ids;
    });
  }

  /**
   * The page's other button.
   *
   * @throws {ScimError} `conflict` where it would take the last admin.
   */
  async deleteGroups(audit: Audit): Promise<void> {
    const { groups, roster } = this.#stores;
    await this.#database.transaction(async (transaction) => {
      const heldAdmin = await groups.delete(transaction, await groups.lockManaged(transaction, 'all'), audit);
      await roster.tell(transaction, 'scim-groups-deleted', audit);
      await this.#guard.assertAdminLeft(transaction, heldAdmin);
    });
  }

  /**
   * Whether a login that would create a user must be refused: SCIM is on, and one of the names is somebody's who left.
   *
   * @throws {ScimError} `forbidden`.
   */
  async assertMayJoin(names: readonly (string | undefined)[]): Promise<void> {
    const wanted = names.filter((name): name is string => name !== undefined && name !== '');
    if (wanted.length === 0 || !(await this.isEnabled())) return;
    if (await this.#stores.lifecycle.hasLeft(this.#database, wanted)) {
      throw new ScimError(
        'forbidden',
        'This person was suspended or removed. The identity provider must provision them again, or an administrator must create them.',
      );
    }
  }
}
