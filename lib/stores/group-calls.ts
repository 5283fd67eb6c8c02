import { auditValues, versionNumbers, type WantedVersions } from './call-values.js';
import { type Access, type Database, type SqlFunction, sqlFunction } from './database.js';
import type { Audit } from './event-sql.js';
import type { GroupNames } from './group-store.js';

/** What became of a call. Whatever is neither of the first two has changed nothing, and is for the service to decide. */
type Outcome = 'changed' | 'same' | 'missing' | 'stale' | 'contested' | 'unknown' | 'guarded';

/** What a call tells of a group besides what was stated. */
export interface WrittenGroup {
  readonly groupId: number;
  readonly version: string;
  readonly created: Date;
  readonly lastModified: Date;
  /** See `membersJson`; null where nobody wants to see them. */
  readonly members: string | null;
}

/** By whom a call is made, and on which versions of the group. */
export interface Caller {
  readonly versions: WantedVersions;
  readonly access: Access;
  readonly audit: Audit;
}

/** What is stated of a group; what is undefined stays as it is. */
export interface StatedGroup {
  readonly names: GroupNames | undefined;
  readonly members: readonly string[] | undefined;
}

const CREATE = sqlFunction('scim_create_group', 9);
const REPLACE = sqlFunction('scim_replace_group', 11);
const CHANGE_MEMBERS = sqlFunction('scim_change_members', 8);
const DELETE = sqlFunction('scim_delete_group', 6);

const isDone = (outcome: Outcome | undefined): boolean => outcome === 'changed' || outcome === 'same';

/** The common case of each write on one group, in one round trip (migrations/004-groups.sql). Each method throws `AccessEnded`. */
export class GroupCalls {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * A new group; undefined where somebody may have its name or its externalId, or nobody is a member.
   *
   * @param reference - see `memberReference`.
   */
  async create(
    scimId: string,
    { displayName, externalId }: GroupNames,
    members: readonly string[],
    reference: string,
    { access, audit }: Omit<Caller, 'versions'>,
  ): Promise<WrittenGroup | undefined> {
    return this.#write(CREATE, [access.tokenNumber, scimId, displayName, externalId, members, reference, ...auditValues(audit)]);
  }

  /**
   * Makes true what is stated of a group, where its names are those already; undefined where there is something to decide.
   *
   * @param protectedNames usernames and e-mails, lower-case, of host users who are never taken out.
   * @param reference - see `memberReference`; undefined where nobody wants to see the members.
   */
  async replace(
    scimId: string,
    { names, members }: StatedGroup,
    protectedNames: readonly string[],
    reference: string | undefined,
    { versions, access, audit }: Caller,
  ): Promise<WrittenGroup | undefined> {
    return this.#write(REPLACE, [
      access.tokenNumber,
      scimId,
      versionNumbers(versions),
      names?.displayName ?? null,
      names?.externalId ?? null,
      members ?? null,
      protectedNames,
      reference ?? null,
      ...auditValues(audit),
    ]);
  }

  /** Lets people enter and leave a group. @returns whether it is done; if not, there is something to decide. */
  async changeMembers(
    scimId: string,
    { add, remove }: { readonly add: readonly string[]; readonly remove: readonly string[] },
    { versions, access, audit }: Caller,
  ): Promise<boolean> {
    return this.#run(CHANGE_MEMBERS, [access.tokenNumber, scimId, versionNumbers(versions), add, remove, ...auditValues(audit)]);
  }

  /** Deletes a group. @returns whether it is done; if not, there is something to decide. */
  async delete(scimId: string, { versions, access, audit }: Caller): Promise<boolean> {
    return this.#run(DELETE, [access.tokenNumber, scimId, versionNumbers(versions), ...auditValues(audit)]);
  }

  async #run(fn: SqlFunction, values: readonly unknown[]): Promise<boolean> {
    const [row] = await this.#database.call<{ readonly outcome: Outcome }>(fn, values);
    return isDone(row?.outcome);
  }

  async #write(fn: SqlFunction, values: readonly unknown[]): Promise<WrittenGroup | undefined> {
    const [row] = await this.#database.call<WrittenGroup & { readonly outcome: Outcome }>(fn, values);
    return isDone(row?.outcome) ? row : undefined;
  }
}
