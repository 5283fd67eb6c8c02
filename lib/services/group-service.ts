import { randomUUID } from 'node:crypto';
import type { Document, JsonObject } from '../protocol/document.js';
import { ScimError } from '../protocol/errors.js';
import { type MemberSets, membersOnly, needsMembers, patchGroup } from '../protocol/group-patch.js';
import type { ResourceQuery } from '../protocol/list-query.js';
import type { StoredResource } from '../protocol/messages.js';
import { type PatchOperation, readPatch } from '../protocol/patch-request.js';
import { includesNamed, type Projection } from '../protocol/projection.js';
import { GROUP_RESOURCE_TYPE } from '../protocol/resource-schemas.js';
import type { Access, Database, Transaction } from '../stores/database.js';
import type { Caller, GroupCalls, StatedGroup, WrittenGroup } from '../stores/group-calls.js';
import { memberReference, membersJson } from '../stores/group-sql.js';
import type { GroupClaim, GroupNames, GroupRow, GroupStore, ShownGroup } from '../stores/group-store.js';
import type { MembershipStore } from '../stores/membership-store.js';
import type { Page, PageRequest } from '../stores/page-sql.js';
import type { AdminGuard } from './admin-guard.js';
import { readGroup, toNames } from './group-requests.js';
import {
  assertPrecondition,
  type ManyResources,
  type RequestContext,
  type ResourceService,
  wantedVersions,
} from './resource-service.js';

/** Unknown members that an error names. */
const MAX_NAMED = 5;

const notFound = (id: string): ScimError => new ScimError('notFound', `There is no Group with the id "${id.slice(0, 100)}".`);

const withMembers = includesNamed(GROUP_RESOURCE_TYPE, 'members');

const sameNames = (a: GroupNames, b: GroupNames): boolean => a.displayName === b.displayName && a.externalId === b.externalId;

const statedDocument = ({ displayName, externalId }: GroupNames): Document =>
  externalId === null ? { displayName } : { displayName, externalId };

const WITHOUT_MEMBERS = {};

const toStoredGroup = (
  id: string,
  names: GroupNames,
  { members, created, lastModified, version }: Omit<WrittenGroup, 'groupId' | 'members'> & { readonly members?: string | null },
): StoredResource => ({
  id,
  document: statedDocument(names),
  created,
  lastModified,
  version,
  raw: typeof members === 'string' ? { members: membersJson(members) } : WITHOUT_MEMBERS,
});

const toStored = (row: ShownGroup): StoredResource => toStoredGroup(row.scimId, row, row);

/** The members as a PATCH looks at them. */
const knownMembers = (row: GroupRow | undefined): readonly JsonObject[] => JSON.parse(membersJson(row?.members ?? ''));

const callerOf = (context: RequestContext): Caller => ({
  versions: wantedVersions(context),
  access: context.access,
  audit: context.audit,
});

export interface GroupStores {
  readonly groups: GroupStore;
  readonly calls: GroupCalls;
  readonly memberships: MembershipStore;
}

export interface GroupOptions {
  /** Usernames and e-mails, lower-case, of host users who are never taken out of a group. */
  readonly recoveryAdmins: readonly string[];
  /** The absolute address in front of `/Users`. */
  readonly baseUrl: string;
}

/** The decisions about groups: create or adopt, rename, and who is a member. */
export class GroupService implements ResourceService {
  readonly #database: Database;
  readonly #groups: GroupStore;
  readonly #calls: GroupCalls;
  readonly #memberships: MembershipStore;
  readonly #guard: AdminGuard;
  readonly #recoveryAdmins: readonly string[];
  readonly #reference: string;

  constructor(database: Database, stores: GroupStores, guard: AdminGuard, options: GroupOptions) {
    this.#database = database;
    this.#groups = stores.groups;
    this.#calls = stores.calls;
    this.#memberships = stores.memberships;
    this.#guard = guard;
    this.#recoveryAdmins = options.recoveryAdmins;
    this.#reference = memberReference(options.baseUrl);
  }

  async read(id: string, projection: Projection, access: Access): Promise<StoredResource> {
    const row = await this.#groups.read(id, this.#referenceFor(projection), access);
    if (row === undefined) throw notFound(id);
    return toStored(row);
  }

  async list(query: ResourceQuery, page: PageRequest, projection: Projection, access: Access): Promise<Page<StoredResource>> {
    const found = await this.#groups.list(query, page, this.#referenceFor(projection), access);
    return { ...found, rows: found.rows.map(toStored) };
  }

  async readMany(hostIds: readonly number[], projection: Projection): Promise<ManyResources> {
    const { rows, cutAt } = await this.#groups.readMany(hostIds, this.#referenceFor(projection));
    return { found: new Map(rows.map((row) => [row.groupId, toStored(row)])), cutAt };
  }

  async create(body: unknown, context: RequestContext, id: string = randomUUID()): Promise<StoredResource> {
    const { names, members } = readGroup(body);
    const done = await this.#calls.create(id, names, members ?? [], this.#reference, context);
    if (done !== undefined) return toStoredGroup(id, names, done);
    return this.#database.transaction(async (transaction) => {
      const adoptable = await this.#claim(transaction, names, undefined);
      let groupId = adoptable?.groupId;
      if (groupId === undefined) groupId = await this.#groups.create(transaction, id, names, context.audit);
      else await this.#groups.adopt(transaction, groupId, id, names, context.audit);
      if (members !== undefined) {
        const heldAdmin = await this.#changeMembers(transaction, groupId, { exact: true, add: members, remove: [] }, context);
        await this.#guard.assertAdminLeft(transaction, heldAdmin);
      }
      return toStored(await this.#reload(transaction, id));
    }, context.access);
  }

  /** RFC 7644 3.5.1: states the whole group. A body without `members` says nothing of them, so they stay. */
  async replace(id: string, body: unknown, context: RequestContext): Promise<StoredResource> {
    const { names, members } = readGroup(body);
    const done = await this.#stateAtOnce(id, { names, members }, this.#reference, context);
    if (done !== undefined) return toStoredGroup(id, names, done);
    return this.#database.transaction(async (transaction) => {
      const group = await this.#lock(transaction, id, context);
      await this.#write(
        transaction,
        group,
        names,
        members === undefined ? undefined : { exact: true, add: members, remove: [] },
        context,
      );
      return toStored(await this.#reload(transaction, group.scimId));
    }, context.access);
  }

  /** RFC 7644 3.5.2. Answers nothing: a group can be large, and who sends a PATCH knows what it says. */
  async modify(id: string, body: unknown, context: RequestContext): Promise<undefined> {
    const operations = readPatch(body);
    if (await this.#patchAtOnce(id, operations, context)) return undefined;
    await this.#database.transaction(async (transaction) => {
      const group = await this.#lock(transaction, id, context);
      const whole = needsMembers(operations)
        ? await this.#groups.readWithin(transaction, group.scimId, this.#reference)
        : undefined;
      const { document, members } = patchGroup(statedDocument(group), operations, knownMembers(whole));
      await this.#write(transaction, group, toNames(document), members, context);
    }, context.access);
    return undefined;
  }

  async delete(id: string, context: RequestContext): Promise<void> {
    if (await this.#calls.delete(id, callerOf(context))) return;
    await this.#database.transaction(async (transaction) => {
      const group = await this.#lock(transaction, id, context);
      const heldAdmin = await this.#groups.delete(transaction, [group.groupId], context.audit);
      await this.#guard.assertAdminLeft(transaction, heldAdmin);
    }, context.access);
  }

  #referenceFor(projection: Projection): string | undefined {
    return withMembers(projection) ? this.#reference : undefined;
  }

  async #stateAtOnce(
    id: string,
    stated: StatedGroup,
    reference: string | undefined,
    context: RequestContext,
  ): Promise<WrittenGroup | undefined> {
    return this.#calls.replace(id, stated, this.#recoveryAdmins, reference, callerOf(context));
  }

  async #changeMembersAtOnce(id: string, sets: MemberSets, context: RequestContext): Promise<boolean> {
    if (sets.exact)
      return (await this.#stateAtOnce(id, { names: undefined, members: sets.add }, undefined, context)) !== undefined;
    return this.#calls.changeMembers(id, sets, callerOf(context));
  }

  /** @returns whether it is done: not where the names change, or where there is something to decide. */
  async #patchAtOnce(id: string, operations: readonly PatchOperation[], context: RequestContext): Promise<boolean> {
    const alone = membersOnly(operations);
    if (alone !== undefined) return this.#changeMembersAtOnce(id, alone, context);
    if (needsMembers(operations)) return false;
    const group = await this.#groups.read(id, undefined, context.access);
    if (group === undefined) throw notFound(id);
    assertPrecondition(context, group.version);
    const { document, members } = patchGroup(statedDocument(group), operations, []);
    if (!sameNames(toNames(document), group)) return false;
    return members === undefined || this.#changeMembersAtOnce(id, members, context);
  }

  async #write(
    transaction: Transaction,
    group: GroupRow,
    names: GroupNames,
    members: MemberSets | undefined,
    context: RequestContext,
  ): Promise<void> {
    const isRenamed = !sameNames(names, group);
    if (isRenamed) {
      const other = await this.#claim(transaction, names, group.groupId);
      if (other !== undefined) {
        throw new ScimError(
          'uniqueness',
          `A local group of Unleash is called "${other.name}"; an administrator must rename it first.`,
        );
      }
    }
    // Our row of the group is written last of all rows, as the triggers do it: so nobody waits for it who holds what we wait for.
    const heldAdmin = members !== undefined && (await this.#changeMembers(transaction, group.groupId, members, context));
    if (isRenamed) await this.#groups.rename(transaction, group, names, context.audit);
    await this.#guard.assertAdminLeft(transaction, heldAdmin);
  }

  /** @returns the unmanaged host group with that name; locked where it is to be adopted. */
  async #claim(transaction: Transaction, names: GroupNames, self: number | undefined): Promise<GroupClaim | undefined> {
    await this.#groups.lockName(transaction, names.displayName);
    const claims = (await this.#groups.findClaims(transaction, names)).filter((claim) => claim.groupId !== self);
    const byId = claims.find((claim) => names.externalId !== null && claim.externalId === names.externalId);
    if (byId !== undefined) {
      throw new ScimError(
        'uniqueness',
        `externalId "${names.externalId}" belongs to the group "${byId.name}"; find it by a filter on externalId.`,
      );
    }
    const managed = claims.find((claim) => claim.sameName && claim.scimId !== null);
    if (managed !== undefined) {
      throw new ScimError(
        'uniqueness',
        `displayName "${names.displayName}" belongs to a group that SCIM already manages; find it by a filter on displayName.`,
      );
    }
    if (claims.length > 1) {
      throw new ScimError(
        'uniqueness',
        `Unleash has ${claims.length} local groups called "${names.displayName}"; an administrator must rename all but one.`,
      );
    }
    const [adoptable] = claims;
    if (adoptable !== undefined && self === undefined) await this.#groups.lockUnmanaged(transaction, adoptable);
    return adoptable;
  }

  async #changeMembers(transaction: Transaction, groupId: number, sets: MemberSets, context: RequestContext): Promise<boolean> {
    const result = await this.#memberships.change(transaction, groupId, sets, this.#recoveryAdmins, context.audit);
    const { unknown } = result;
    if (unknown.length > 0) {
      const named = unknown.slice(0, MAX_NAMED).map((id) => `"${id.slice(0, 100)}"`);
      const more = unknown.length > MAX_NAMED ? ` and ${unknown.length - MAX_NAMED} more` : '';
      throw new ScimError(
        'invalidValue',
        `members: no User has the id ${named.join(', ')}${more}. Nothing was changed; provision these people first.`,
      );
    }
    return result.heldAdmin;
  }

  async #lock(transaction: Transaction, id: string, context: RequestContext): Promise<GroupRow> {
    const group = await this.#groups.readForUpdate(transaction, id, context.ifMatch !== undefined);
    if (group === undefined) throw notFound(id);
    assertPrecondition(context, group.version);
    return group;
  }

  async #reload(transaction: Transaction, scimId: string): Promise<GroupRow> {
    const row = await this.#groups.readWithin(transaction, scimId, this.#reference);
    if (row === undefined) throw new Error('a group that was just written cannot be read');
    return row;
  }
}
