import { randomUUID } from 'node:crypto';
import { assignedOnly, type Document, equalValues, readDocument, type Statement } from '../protocol/document.js';
import { ScimError } from '../protocol/errors.js';
import type { ResourceQuery } from '../protocol/list-query.js';
import type { StoredResource } from '../protocol/messages.js';
import { applyPatch } from '../protocol/patch.js';
import { readPatch } from '../protocol/patch-request.js';
import { includesNamed, type Projection } from '../protocol/projection.js';
import { USER_RESOURCE_TYPE } from '../protocol/resource-schemas.js';
import type { Claim, ClaimStore } from '../stores/claim-store.js';
import type { Access, Database, Transaction } from '../stores/database.js';
import type { LifecycleStore } from '../stores/lifecycle-store.js';
import type { Page, PageRequest } from '../stores/page-sql.js';
import type { LockedPerson, NewPerson, PersonRow, PersonState, PersonStore } from '../stores/person-store.js';
import type { AdminGuard } from './admin-guard.js';
import { assertMayResume, assertNobodyInTheWay, assertNotRecoveryAdmin, type ClaimVerdict, weighClaims } from './claims.js';
import { statedDocument, toState, toStoredPerson } from './person-mapping.js';
import { assertPrecondition, type NewResource, type RequestContext, type ResourceService } from './resource-service.js';

export interface PersonOptions {
  /** Name or id of the root role of a new person. */
  readonly defaultRootRole: string;
  /** Usernames and e-mails, lower-case, that SCIM never takes. */
  readonly recoveryAdmins: readonly string[];
}

export interface PersonStores {
  readonly persons: PersonStore;
  readonly claims: ClaimStore;
  readonly lifecycle: LifecycleStore;
}

const notFound = (id: string): ScimError => new ScimError('notFound', `There is no User with the id "${id.slice(0, 100)}".`);

const withGroups = includesNamed(USER_RESOURCE_TYPE, 'groups');

const changedAttributes = (before: Document, after: Document): readonly string[] =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((key) => !equalValues(before[key], after[key]));

/** What the identity provider is silent about when it takes over a host user stays as it was. */
const adoptedState = (statement: Statement, claim: Claim): PersonState => {
  const document = assignedOnly(statement);
  if (statement.emails === undefined && claim.email !== null) {
    document.emails = [{ value: claim.email, type: 'work', primary: true }];
  }
  const state = toState(document);
  return state.hostName !== null || claim.name === null ? state : toState({ ...document, displayName: claim.name });
};

/** Of those who share a name or an identifier the first; the others would break a unique index. */
const withoutRepeats = (people: readonly NewPerson[]): readonly NewPerson[] => {
  const seen = new Set<string>();
  return people.filter(({ state }) => {
    const { userName, hostEmail, externalId } = state;
    const keys = [
      `u${userName.toLowerCase()}`,
      `u${hostEmail ?? userName.toLowerCase()}`,
      ...(externalId === null ? [] : [`x${externalId}`]),
    ];
    if (keys.some((key) => seen.has(key))) return false;
    for (const key of keys) seen.add(key);
    return true;
  });
};

/** The decisions about people: create or adopt, change, suspend and resume, delete. */
export class PersonService implements ResourceService {
  readonly #database: Database;
  readonly #persons: PersonStore;
  readonly #claimed: ClaimStore;
  readonly #lifecycle: LifecycleStore;
  readonly #guard: AdminGuard;
  readonly #options: PersonOptions;

  constructor(database: Database, stores: PersonStores, guard: AdminGuard, options: PersonOptions) {
    this.#database = database;
    this.#persons = stores.persons;
    this.#claimed = stores.claims;
    this.#lifecycle = stores.lifecycle;
    this.#guard = guard;
    this.#options = options;
  }

  async read(id: string, projection: Projection, access: Access): Promise<StoredResource> {
    const row = await this.#persons.read(id, withGroups(projection), access);
    if (row === undefined) throw notFound(id);
    return toStoredPerson(row);
  }

  async list(query: ResourceQuery, page: PageRequest, projection: Projection, access: Access): Promise<Page<StoredResource>> {
    const found = await this.#persons.list(query, page, withGroups(projection), access);
    return { ...found, rows: found.rows.map(toStoredPerson) };
  }

  async readMany(hostIds: readonly number[], projection: Projection): Promise<ReadonlyMap<number, StoredResource>> {
    const rows = await this.#persons.readMany(hostIds, withGroups(projection));
    return new Map(rows.map((row) => [row.userId, toStoredPerson(row)]));
  }

  async create(body: unknown, context: RequestContext, id: string = randomUUID()): Promise<StoredResource> {
    const { stated, fresh, startsActive } = this.#readNew(body);
    return this.#database.transaction(async (transaction) => {
      const { adoptable } = await this.#claims(transaction, fresh, undefined);
      let person: PersonRow;
      if (adoptable === undefined) {
        const fit = [{ scimId: id, state: fresh, hasSeat: startsActive }];
        const [created] = await this.#persons.create(transaction, fit, this.#options.defaultRootRole, context.audit);
        if (created === undefined) throw new Error('a person was not created');
        person = created;
      } else {
        await this.#persons.adopt(transaction, adoptable, { scimId: id, state: adoptedState(stated, adoptable) }, context.audit);
        person = await this.#reload(transaction, id);
      }
      if (startsActive) return toStoredPerson(person);
      await this.#suspend(transaction, person, context);
      return toStoredPerson(await this.#reload(transaction, id));
    }, context.access);
  }

  /**
   * Creates those who stand in nobody's way, all in three statements however many they are. Whoever needs a decision (a name
   * that somebody has, a start in suspension, a body that cannot be read) is left to `create`.
   *
   * @returns who was created, by the id that was asked for.
   */
  async createFree(items: readonly NewResource[], context: RequestContext): Promise<ReadonlyMap<string, StoredResource>> {
    const simple = items.flatMap(({ id, body }) => this.#simple(id, body) ?? []);
    const people = withoutRepeats(simple);
    if (people.length === 0) return new Map();
    try {
      return await this.#database.transaction(async (transaction) => {
        const contested = await this.#claimed.findContested(
          transaction,
          people.map(({ state }) => state),
        );
        const free = people.filter((_person, place) => !contested.has(place));
        const rows = await this.#persons.create(transaction, free, this.#options.defaultRootRole, context.audit);
        return new Map(rows.map((row) => [row.scimId, toStoredPerson(row)]));
      }, context.access);
    } catch (error) {
      // Somebody else took one of the names in this moment: nobody was created, and each gets an answer of their own.
      if (error instanceof ScimError && error.kind === 'uniqueness') return new Map();
      throw error;
    }
  }

  #readNew(body: unknown): { readonly stated: Statement; readonly fresh: PersonState; readonly startsActive: boolean } {
    const { active, ...stated } = readDocument(USER_RESOURCE_TYPE, body);
    const fresh = toState(assignedOnly(stated));
    assertNotRecoveryAdmin(fresh, this.#options.recoveryAdmins);
    return { stated, fresh, startsActive: active !== false };
  }

  /** A person who can be created without looking further than at the names; undefined for any other body. */
  #simple(scimId: string, body: unknown): NewPerson | undefined {
    try {
      const { fresh, startsActive } = this.#readNew(body);
      return startsActive ? { scimId, state: fresh, hasSeat: true } : undefined;
    } catch (error) {
      if (error instanceof ScimError) return undefined;
      throw error;
    }
  }

  /** RFC 7644 3.5.1: states the whole person. `active` is kept where it is not stated: a silent PUT revives nobody. */
  async replace(id: string, body: unknown, context: RequestContext): Promise<StoredResource> {
    const { active, ...stated } = readDocument(USER_RESOURCE_TYPE, body);
    const next = assignedOnly(stated);
    return this.#change(id, context, (person) => ({ next, active: typeof active === 'boolean' ? active : person.active }));
  }

  /** RFC 7644 3.5.2. */
  async modify(id: string, body: unknown, context: RequestContext): Promise<StoredResource> {
    const operations = readPatch(body);
    return this.#change(id, context, (person) => {
      const { active, ...next } = applyPatch(
        { ...statedDocument(person), active: person.active },
        operations,
        USER_RESOURCE_TYPE,
      );
      return { next, active: typeof active === 'boolean' ? active : person.active };
    });
  }

  async delete(id: string, context: RequestContext): Promise<void> {
    await this.#database.transaction(async (transaction) => {
      const person = await this.#lock(transaction, id, context);
      if (!person.active) {
        await this.#lifecycle.endSuspended(transaction, [person.userId], context.audit);
        return;
      }
      if (!person.settled) await this.#persons.absorb(transaction, [person.userId]);
      const heldAdmin = await this.#lifecycle.softDelete(transaction, [person.userId], 'gone', context.audit);
      await this.#guard.assertAdminLeft(transaction, heldAdmin);
    }, context.access);
  }

  async #change(
    id: string,
    context: RequestContext,
    decide: (person: PersonRow) => { readonly next: Document; readonly active: boolean },
  ): Promise<StoredResource> {
    return this.#database.transaction(async (transaction) => {
      const person = await this.#lock(transaction, id, context);
      const { next, active } = decide(person);
      const changed = changedAttributes(statedDocument(person), next);
      if (changed.length === 0 && active === person.active) return toStoredPerson(person);

      if (!person.settled) await this.#persons.absorb(transaction, [person.userId]);
      const state = toState(next);
      const resumes = active && !person.active;
      let written = person;
      if (changed.length > 0) {
        const names = changed.some((key) => key === 'userName' || key === 'emails' || key === 'externalId');
        if (names) await this.#assertFree(transaction, state, person, resumes);
        written = await this.#persons.update(transaction, person, state, changed, context.audit, { withEvent: !resumes });
      }
      if (resumes) {
        assertMayResume(await this.#claims(transaction, state, person.userId));
        await this.#lifecycle.resume(transaction, person, state, this.#options.defaultRootRole, context.audit);
      } else if (active !== person.active) {
        await this.#suspend(transaction, person, context);
      } else {
        return toStoredPerson(written);
      }
      return toStoredPerson(await this.#reload(transaction, person.scimId));
    }, context.access);
  }

  async #assertFree(transaction: Transaction, state: PersonState, person: LockedPerson, resumes: boolean): Promise<void> {
    assertNotRecoveryAdmin(state, this.#options.recoveryAdmins);
    const verdict = await this.#claims(transaction, state, person.userId);
    // Whoever resumes under a taken name is told both ways out, below.
    if (!resumes) assertNobodyInTheWay(verdict, state);
  }

  async #claims(transaction: Transaction, state: PersonState, self: number | undefined): Promise<ClaimVerdict> {
    const claims = await this.#claimed.findClaims(transaction, {
      userName: state.userName,
      email: state.hostEmail,
      externalId: state.externalId,
    });
    const verdict = weighClaims(claims, state, this.#options.recoveryAdmins, self);
    if (verdict.lost.length > 0) await this.#claimed.retire(transaction, verdict.lost);
    return verdict;
  }

  async #lock(transaction: Transaction, id: string, context: RequestContext): Promise<LockedPerson> {
    const person = await this.#persons.readForUpdate(transaction, id);
    if (person === undefined) throw notFound(id);
    assertPrecondition(context, person.version);
    return person;
  }

  async #suspend(transaction: Transaction, person: PersonRow, context: RequestContext): Promise<void> {
    const heldAdmin = await this.#lifecycle.softDelete(transaction, [person.userId], 'suspended', context.audit);
    await this.#guard.assertAdminLeft(transaction, heldAdmin);
  }

  async #reload(transaction: Transaction, scimId: string): Promise<PersonRow> {
    const row = await this.#persons.readWithin(transaction, scimId, true);
    if (row === undefined) throw new Error('a person who was just written cannot be read');
    return row;
  }
}
