import type { Document } from '../protocol/document.js';
import { auditValues, versionNumbers, type WantedVersions } from './call-values.js';
import { type Access, type Database, type SqlFunction, sqlFunction } from './database.js';
import type { Audit } from './event-sql.js';
import type { PersonState } from './person-state.js';
import type { ShownPerson } from './person-store.js';

/** What became of a call. Whatever is neither of the first two has changed nothing, and is for the service to decide. */
export type Outcome = 'changed' | 'same' | 'missing' | 'stale' | 'contested' | 'guarded';

export interface PersonOutcome {
  readonly outcome: Outcome;
  /** Present where the outcome is `changed` or `same`. */
  readonly person: ShownPerson | undefined;
}

const CREATE = sqlFunction('scim_create_person', 13);
const CHANGE = sqlFunction('scim_change_person', 14);
const SUSPEND = sqlFunction('scim_suspend_person', 6);
const END = sqlFunction('scim_end_person', 6);
const RESUME = sqlFunction('scim_resume_person', 7);

interface Created {
  readonly outcome: 'created' | 'contested';
  readonly userId: number;
  readonly version: string;
  readonly created: Date;
  readonly lastModified: Date;
}

interface Changed extends Omit<Created, 'outcome'> {
  readonly outcome: Outcome;
  readonly active: boolean;
  readonly groups: readonly Document[];
}

interface Moved extends Omit<Changed, 'active'> {
  readonly externalId: string | null;
  readonly userName: string;
  readonly document: Document;
  readonly hostEmail: string | null;
}

const isDone = (outcome: Outcome): boolean => outcome === 'changed' || outcome === 'same';

const stated = (state: PersonState): readonly unknown[] => [
  state.userName,
  state.externalId,
  JSON.stringify(state.document),
  state.otherEmails,
  state.hostName,
  state.hostUsername,
  state.hostEmail,
];

/**
 * The common case of each write on one person, in one round trip (migrations/003-people.sql).
 * Each method throws `AccessEnded`, and `ScimError` `uniqueness` where a name was taken: nothing is changed then.
 */
export class PersonCalls {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** A new person with a root role; undefined where somebody may have one of the names. */
  async create(
    scimId: string,
    state: PersonState,
    rootRole: string,
    access: Access,
    audit: Audit,
  ): Promise<ShownPerson | undefined> {
    const values = [access.tokenNumber, scimId, ...stated(state), rootRole, ...auditValues(audit)];
    const [row] = await this.#database.call<Created>(CREATE, values);
    if (row?.outcome !== 'created') return undefined;
    const { outcome: _outcome, ...written } = row;
    return { ...state, ...written, scimId, active: true, groups: [] };
  }

  /** Makes true what is stated of a person. `active` undefined: stays as it is. */
  async change(
    scimId: string,
    state: PersonState,
    wish: { readonly active: boolean | undefined; readonly versions: WantedVersions },
    access: Access,
    audit: Audit,
  ): Promise<PersonOutcome> {
    const values = [
      access.tokenNumber,
      scimId,
      versionNumbers(wish.versions),
      wish.active ?? null,
      ...stated(state),
      ...auditValues(audit),
    ];
    const [row] = await this.#database.call<Changed>(CHANGE, values);
    if (row === undefined || !isDone(row.outcome)) return { outcome: row?.outcome ?? 'missing', person: undefined };
    const { outcome, ...written } = row;
    return { outcome, person: { ...state, ...written, scimId } };
  }

  async suspend(scimId: string, versions: WantedVersions, access: Access, audit: Audit): Promise<PersonOutcome> {
    const values = [access.tokenNumber, scimId, versionNumbers(versions), ...auditValues(audit)];
    return this.#move(SUSPEND, scimId, values, false);
  }

  /** @returns whether the person was ended. */
  async end(scimId: string, versions: WantedVersions, access: Access, audit: Audit): Promise<boolean> {
    const values = [access.tokenNumber, scimId, versionNumbers(versions), ...auditValues(audit)];
    const [row] = await this.#database.call<{ readonly outcome: Outcome }>(END, values);
    return row?.outcome === 'changed';
  }

  async resume(
    scimId: string,
    versions: WantedVersions,
    defaultRole: string,
    access: Access,
    audit: Audit,
  ): Promise<PersonOutcome> {
    const values = [access.tokenNumber, scimId, versionNumbers(versions), defaultRole, ...auditValues(audit)];
    return this.#move(RESUME, scimId, values, true);
  }

  async #move(fn: SqlFunction, scimId: string, values: readonly unknown[], active: boolean): Promise<PersonOutcome> {
    const [row] = await this.#database.call<Moved>(fn, values);
    if (row === undefined || !isDone(row.outcome)) return { outcome: row?.outcome ?? 'missing', person: undefined };
    const { outcome, ...person } = row;
    return { outcome, person: { ...person, scimId, active } };
  }
}
