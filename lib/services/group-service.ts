import { randomUUID } from 'node:crypto';
import { assignedOnly, type Document, isObject, type Json, readDocument } from '../protocol/document.js';
import { ScimError } from '../protocol/errors.js';
import { type MemberSets, needsMembers, patchGroup, readMemberIds } from '../protocol/group-patch.js';
import type { ResourceQuery } from '../protocol/list-query.js';
import type { StoredResource } from '../protocol/messages.js';
import { readPatch } from '../protocol/patch-request.js';
import { includesNamed, type Projection } from '../protocol/projection.js';
import { GROUP_RESOURCE_TYPE } from '../protocol/resource-schemas.js';
import type { Access, Database, Transaction } from '../stores/database.js';
import type { GroupClaim, GroupNames, GroupRow, GroupStore } from '../stores/group-store.js';
import type { MembershipStore } from '../stores/membership-store.js';
import type { Page, PageRequest } from '../stores/page-sql.js';
import type { AdminGuard } from './admin-guard.js';
import { assertExternalId, assertLength } from './person-mapping.js';
import { assertPrecondition, type RequestContext, type ResourceService } from './resource-service.js';

/** Unknown members that an error names. */
const MAX_NAMED = 5;

const notFound = (id: string): ScimError => new ScimError('notFound', `There is no Group with the id "${id.slice(0, 100)}".`);

const withMembers = includesNamed(GROUP_RESOURCE_TYPE, 'members');

const toNames = (document: Document): GroupNames => {
  const { displayName, externalId } = document;
  if (typeof displayName !== 'string' || displayName.trim() === '') {
    throw new ScimError('invalidValue', 'displayName is required: the group needs a name.');
  }
  const names = { displayName, externalId: typeof externalId === 'string' ? externalId : null };
  assertLength('displayName', names.displayName);
  assertExternalId(names.externalId);
  return names;
};

const statedDocument = (row: GroupRow): Document => ({
  displayName: row.displayName,
  ...(row.externalId === null ? {} : { externalId: row.externalId }),
});

const toStoredGroup = (row: GroupRow): StoredResource => ({
  id: row.scimId,
  document: { ...statedDocument(row), ...(row.members === null ? {} : { members: row.members }) },
  created: row.created,
  lastModified: row.lastModified,
  version: row.version,
});

/** A body of POST or PUT. `members` is undefined where the key is missing: then they stay as they are. */
const readGroup = (body: unknown): { readonly names: GroupNames; readonly members: readonly string[] | undefined } => {
  if (!isObject(body)) throw new ScimError('invalidSyntax', 'The body must be a JSON object that describes a Group.');
  const key = Object.keys(body).find((name) => name.toLowerCase() === 'members');
  const rest: Document = { ...body };
  const sent: Json | undefined = key === undefined ? undefined : body[key];
  if (key !== undefined) delete rest[key];
  const names = toNames(assignedOnly(readDocument(GROUP_RESOURCE_TYPE, rest)));
  return { names, members: sent === undefined ? undefined : readMemberIds(sent) };
};

/** The decisions about groups: create or adopt, rename, and who is a member. */
export class GroupService implements ResourceService {
  readonly #database: Database;
  readonly #groups: GroupStore;
  readonly #memberships: MembershipStore;
  readonly #guard: AdminGuard;
  readonly #recoveryAdmins: readonly string[];

  constructor(
    database: Database,
    groups: GroupStore,
    memberships: MembershipStore,
    guard: AdminGuard,
    options: { readonly recoveryAdmins: readonly string[] },
  ) {
    this.#database = database;
    this.#groups = groups;
    this.#memberships = memberships;
    this.#guard = guard;
    this.#recoveryAdmins = options.recoveryAdmins;
  }

  async read(id: string, projection: Projection, access: Access): Promise<StoredResource> {
    const row = await this.#groups.read(id, withMembers(projection), access);
    if (row === undefined) throw notFound(id);
    return toStoredGroup(row);
  }

  async list(query: ResourceQuery, page: PageRequest, projection: Projection, access: Access): Promise<Page<StoredResource>> {
    const found = await this.#groups.list(query, page, withMembers(projection), access);
    return { ...found, rows: found.rows.map(toStoredGroup) };
  }

  async readMany(hostIds: readonly number[], projection: Projection): Promise<ReadonlyMap<number, StoredResource>> {
    const rows = await this.#groups.readMany(hostIds, withMembers(projection));
    return new Map(rows.map((row) => [row.groupId, toStoredGroup(row)]));
  }

  async create(body: unknown, context: RequestContext, id: string = randomUUID()): Promise<StoredResource> {
    const { names, members } = readGroup(body);
    return this.#database.transaction(async (transaction) => {
      const adoptable = await this.#claim(transaction, names, undefined);
      const scimId = id;
      let groupId = adoptable?.groupId;
      if (groupId === undefined) groupId = await this.#groups.create(transaction, scimId, names, context.audit);
      else await this.#groups.adopt(transaction, groupId, scimId, names, context.audit);
      if (members !== undefined) {
        const heldAdmin = await this.#changeMembers(transaction, groupId, { exact: true, add: members, remove: [] }, context);
        await this.#guard.assertAdminLeft(transaction, heldAdmin);
      }
      return toStoredGroup(await this.#reload(transaction, scimId));
    }, context.access);
  }

  /** RFC 7644 3.5.1: states the whole group. A body without `members` says nothing of them, so they stay. */
  async replace(id: string, body: unknown, context: RequestContext): Promise<StoredResource> {
    const { names, members } = readGroup(body);
    return this.#database.transaction(async (transaction) => {
      const group = await this.#lock(transaction, id, context);
      await this.#write(
        transaction,
        group,
        names,
        members === undefined ? undefined : { exact: true, add: members, remove: [] },
        context,
      );
      return toStoredGroup(await this.#reload(transaction, group.scimId));
    }, context.access);
  }

  /** RFC 7644 3.5.2. Answers nothing: a group can be large, and who sends a PATCH knows what it says. */
  async modify(id: string, body: unknown, context: RequestContext): Promise<undefined> {
    const operations = readPatch(body);
    await this.#database.transaction(async (transaction) => {
      const group = await this.#lock(transaction, id, context);
      const whole = needsMembers(operations) ? await this.#groups.readWithin(transaction, group.scimId, true) : undefined;
      const { document, members } = patchGroup(statedDocument(group), operations, whole?.members ?? []);
      await this.#write(transaction, group, toNames(document), members, context);
    }, context.access);
    return undefined;
  }

  async delete(id: string, context: RequestContext): Promise<void> {
    await this.#database.transaction(async (transaction) => {
      const group = await this.#lock(transaction, id, context);
      const heldAdmin = await this.#groups.delete(transaction, [group.groupId], context.audit);
      await this.#guard.assertAdminLeft(transaction, heldAdmin);
    }, context.access);
  }

  async #write(
    transaction: Transaction,
    group: GroupRow,
    names: GroupNames,
    members: MemberSets | undefined,
    context: RequestContext,
  ): Promise<void> {
    if (names.displayName !== group.displayName || names.externalId !== group.externalId) {
      const other = await this.#claim(transaction, names, group.groupId);
      if (other !== undefined) {
        throw new ScimError(
          'uniqueness',
          `A local group of Unleash is called "${other.name}"; an administrator must rename it first.`,
        );
      }
      await this.#groups.rename(transaction, group, names, context.audit);
    }
    if (members !== undefined) {
      const heldAdmin = await this.#changeMembers(transaction, group.groupId, members, context);
      await this.#guard.assertAdminLeft(transaction, heldAdmin);
    }
  }

  /** @returns the unmanaged host group with that name. */
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
    return claims[0];
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
    const row = await this.#groups.readWithin(transaction, scimId, true);
    if (row === undefined) throw new Error('a group that was just written cannot be read');
    return row;
  }
}
