import { randomUUID } from 'node:crypto';
import { assignedOnly, type Document, readDocument } from '../protocol/document.js';
import { ScimError } from '../protocol/errors.js';
import type { ResourceQuery } from '../protocol/list-query.js';
import type { StoredResource } from '../protocol/messages.js';
import { type PatchOperation, readPatch } from '../protocol/patch-request.js';
import { includesNamed, type Projection } from '../protocol/projection.js';
import { USER_RESOURCE_TYPE } from '../protocol/resource-schemas.js';
import type { WantedVersions } from '../stores/call-values.js';
import type { ClaimStore } from '../stores/claim-store.js';
import type { Access, Database, Transaction } from '../stores/database.js';
import type { LifecycleStore } from '../stores/lifecycle-store.js';
import type { Page, PageRequest } from '../stores/page-sql.js';
import type { PersonCalls } from '../stores/person-calls.js';
import { groupReference } from '../stores/person-sql.js';
import type { PersonState } from '../stores/person-state.js';
import type { LockedPerson, PersonRow, PersonStore } from '../stores/person-store.js';
import type { AdminGuard } from './admin-guard.js';
import { assertMayResume, assertNobodyInTheWay, assertNotRecoveryAdmin, type ClaimVerdict, weighClaims } from './claims.js';
import { statedDocument, toListedPerson, toState, toStoredPerson } from './person-mapping.js';
import {
  activeAlone,
  adoptedState,
  changedAttributes,
  patched,
  readNewPerson,
  readSimplePerson,
  type SentPerson,
  unlessTaken,
  withoutRepeats,
  writableState,
} from './person-requests.js';
import {
  assertPrecondition,
  type ManyResources,
  type NewResource,
  type RequestContext,
  type ResourceService,
  wantedVersions,
} from './resource-service.js';

export interface PersonOptions {
  /** The absolute address in front of `/Groups`. */
  readonly baseUrl: string;
  /** Name or id of the root role of a new person. */
  readonly defaultRootRole: string;
  /** Usernames and e-mails, lower-case, that SCIM never takes. */
  readonly recoveryAdmins: readonly string[];
}

export interface PersonStores {
  readonly persons: PersonStore;
  readonly calls: PersonCalls;
  readonly claims: ClaimStore;
  readonly lifecycle: LifecycleStore;
}

const notFound = (id: string): ScimError => new ScimError('notFound', `There is no User with the id "${id.slice(0, 100)}".`);

const withGroups = includesNamed(USER_RESOURCE_TYPE, 'groups');

/** The decisions about people: create or adopt, change, suspend and resume, delete. */
export class PersonService implements ResourceService {
  readonly #database: Database;
  readonly #persons: PersonStore;
  readonly #calls: PersonCalls;
  readonly #claimed: ClaimStore;
  readonly #lifecycle: LifecycleStore;
  readonly #guard: AdminGuard;
  readonly #options: PersonOptions;
  readonly #reference: string;

  constructor(database: Database, stores: PersonStores, guard: AdminGuard, options: PersonOptions) {
    this.#database = database;
    this.#persons = stores.persons;
    this.#calls = stores.calls;
    this.#claimed = stores.claims;
    this.#lifecycle = stores.lifecycle;
    this.#guard = guard;
    this.#options = options;
    this.#reference = groupReference(options.baseUrl);
  }

  #referenceFor(projection: Projection): string | undefined {
    return withGroups(projection) ? this.#reference : undefined;
  }

  async read(id: string, projection: Projection, access: Access): Promise<StoredResource> {
    const row = await this.#persons.read(id, this.#referenceFor(projection), access);
    if (row === undefined) throw notFound(id);
    return toListedPerson(row);
  }

  async list(query: ResourceQuery, page: PageRequest, projection: Projection, access: Access): Promise<Page<StoredResource>> {
    const found = await this.#persons.list(query, page, this.#referenceFor(projection), access);
    return { ...found, rows: found.rows.map(toListedPerson) };
  }

  async readMany(hostIds: readonly number[], projection: Projection): Promise<ManyResources> {
    const rows = await this.#persons.readMany(hostIds, this.#referenceFor(projection));
    return { found: new Map(rows.map((row) => [row.userId, toListedPerson(row)])), cutAt: undefined };
  }

  async create(body: unknown, context: RequestContext, id: string = randomUUID()): Promise<StoredResource> {
    const person = readNewPerson(body, this.#options.recoveryAdmins);
    const { fresh, startsActive } = person;
    const { defaultRootRole } = this.#options;
    const created = startsActive
      ? await unlessTaken(this.#calls.create(id, fresh, defaultRootRole, context.access, context.audit))
      : undefined;
    return created === undefined ? this.#createDeciding(person, context, id) : toStoredPerson(created);
  }

  /** Creates a person where somebody may have one of the names, or one who starts suspended. */
  async #createDeciding(
    { stated, fresh, startsActive }: SentPerson,
    context: RequestContext,
    id: string,
  ): Promise<StoredResource> {
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
    const simple = items.flatMap(({ id, body }) => readSimplePerson(id, body, this.#options.recoveryAdmins) ?? []);
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

  /** RFC 7644 3.5.1: states the whole person. `active` is kept where it is not stated: a silent PUT revives nobody. */
  async replace(id: string, body: unknown, context: RequestContext): Promise<StoredResource> {
    const { active: sent, ...stated } = readDocument(USER_RESOURCE_TYPE, body);
    const active = typeof sent === 'boolean' ? sent : undefined;
    const next = assignedOnly(stated);
    return (
      (await this.#changeAtOnce(id, next, { active, versions: wantedVersions(context) }, context)) ??
      this.#change(id, context, (person) => ({ next, active: active ?? person.active }))
    );
  }

  /** RFC 7644 3.5.2. */
  async modify(id: string, body: unknown, context: RequestContext): Promise<StoredResource> {
    const operations = readPatch(body);
    const active = activeAlone(operations);
    const atOnce =
      active === undefined ? await this.#patchAtOnce(id, operations, context) : await this.#moveAtOnce(id, active, context);
    return atOnce ?? this.#change(id, context, (person) => patched(person, operations));
  }

  async delete(id: string, context: RequestContext): Promise<void> {
    if (await this.#calls.end(id, wantedVersions(context), context.access, context.audit)) return;
    await this.#database.transaction(async (transaction) => {
      const person = await this.#lock(transaction, id, context);
      if (!person.active) {
        await this.#lifecycle.endSuspended(transaction, [person.userId], context.audit);
        return;
      }
      const heldAdmin = await this.#lifecycle.softDelete(transaction, [person.userId], 'gone', context.audit);
      await this.#guard.assertAdminLeft(transaction, heldAdmin);
    }, context.access);
  }

  /** One round trip; undefined where nothing was changed, and a decision is needed. */
  async #changeAtOnce(
    id: string,
    next: Document,
    wish: { readonly active: boolean | undefined; readonly versions: WantedVersions },
    { access, audit }: RequestContext,
  ): Promise<StoredResource | undefined> {
    const state = writableState(next, this.#options.recoveryAdmins);
    if (state === undefined) return undefined;
    const done = await unlessTaken(this.#calls.change(id, state, wish, access, audit));
    return done?.person && toStoredPerson(done.person);
  }

  /** Reads, then writes where the person is still as it was read. */
  async #patchAtOnce(
    id: string,
    operations: readonly PatchOperation[],
    context: RequestContext,
  ): Promise<StoredResource | undefined> {
    const person = await this.#persons.read(id, undefined, context.access);
    if (person === undefined) throw notFound(id);
    assertPrecondition(context, person.version);
    const { next, active } = patched({ ...person, document: JSON.parse(person.document) }, operations);
    return active === person.active
      ? this.#changeAtOnce(id, next, { active: undefined, versions: [person.version] }, context)
      : undefined;
  }

  async #moveAtOnce(id: string, active: boolean, context: RequestContext): Promise<StoredResource | undefined> {
    const { access, audit } = context;
    const versions = wantedVersions(context);
    const done = active
      ? await unlessTaken(this.#calls.resume(id, versions, this.#options.defaultRootRole, access, audit))
      : await this.#calls.suspend(id, versions, access, audit);
    return done?.person && toStoredPerson(done.person);
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

      const state = toState(next);
      const resumes = active && !person.active;
      const names = changed.some((key) => key === 'userName' || key === 'emails' || key === 'externalId');
      if (names) await this.#assertFree(transaction, state, person, resumes);
      if (resumes) {
        assertMayResume(await this.#claims(transaction, state, person.userId));
        await this.#lifecycle.resume(transaction, person, state, this.#options.defaultRootRole, context.audit);
      }
      let written = person;
      if (changed.length > 0) {
        written = await this.#persons.update(transaction, person, state, changed, context.audit, { withEvent: !resumes });
      }
      if (active === person.active) return toStoredPerson(written);
      if (!resumes) await this.#suspend(transaction, person, context);
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
    const { userName, hostEmail: email, externalId } = state;
    const claims = await this.#claimed.findClaims(transaction, { userName, email, externalId }, self === undefined);
    return weighClaims(claims, state, this.#options.recoveryAdmins, self);
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
    const row = await this.#persons.readWithin(transaction, scimId);
    if (row === undefined) throw new Error('a person who was just written cannot be read');
    return row;
  }
}
