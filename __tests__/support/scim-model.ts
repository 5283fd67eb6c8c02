/**
 * What SCIM has to answer, kept in memory and thought through anew: people and groups, who may have which name, what an
 * identity provider is told, and how many events of which kind stand in the host's log afterwards.
 */

export interface Email {
  readonly value: string;
  readonly type?: string;
  readonly primary?: boolean;
}

/** What an identity provider states of a person; a missing key is unassigned. */
export interface PersonStatement {
  readonly userName: string;
  readonly externalId?: string;
  readonly displayName?: string;
  readonly emails?: readonly Email[];
}

export interface ModelPerson {
  id: string;
  statement: PersonStatement;
  active: boolean;
  gone: boolean;
}

export interface GroupStatement {
  readonly displayName: string;
  readonly externalId?: string;
}

export interface ModelGroup {
  id: string;
  statement: GroupStatement;
  members: ReadonlySet<ModelPerson>;
  gone: boolean;
}

/** HTTP status of a refusal; undefined: done. */
export type Refusal = 400 | 404 | 409 | undefined;

const same = (a: string | undefined, b: string | undefined): boolean =>
  a !== undefined && b !== undefined && a.toLowerCase() === b.toLowerCase();

/** The address in the host: of the primary e-mail, else of the first, else the userName if it is an address. */
export const hostEmail = ({ emails = [], userName }: PersonStatement): string | undefined => {
  const stated = (emails.find(({ primary }) => primary === true) ?? emails[0])?.value;
  return (stated ?? (userName.includes('@') ? userName : undefined))?.toLowerCase();
};

/** An address that only the userName gives is shown as an e-mail too. */
export const shownEmails = (statement: PersonStatement): readonly Email[] | undefined => {
  if (statement.emails !== undefined) return statement.emails;
  const value = hostEmail(statement);
  return value === undefined ? undefined : [{ value, type: 'work', primary: true }];
};

const sameStatement = (a: object, b: object): boolean => {
  const canonical = (statement: object): string => JSON.stringify(Object.entries(statement).sort(([x], [y]) => (x < y ? -1 : 1)));
  return canonical(a) === canonical(b);
};

export class ScimModel {
  readonly people: ModelPerson[] = [];
  readonly groups: ModelGroup[] = [];
  readonly events = new Map<string, number>();

  get livingPeople(): readonly ModelPerson[] {
    return this.people.filter(({ gone }) => !gone);
  }

  get livingGroups(): readonly ModelGroup[] {
    return this.groups.filter(({ gone }) => !gone);
  }

  groupsOf(person: ModelPerson): readonly ModelGroup[] {
    return this.livingGroups.filter(({ members }) => members.has(person));
  }

  createPerson(statement: PersonStatement, active: boolean): ModelPerson | Refusal {
    if (!this.#isFree(statement, undefined)) return 409;
    const person: ModelPerson = { id: '', statement, active, gone: false };
    this.people.push(person);
    this.#tell('user-created');
    if (!active) this.#tell('user-deleted');
    return person;
  }

  /** `changed` says whether anything is not as before. */
  changePerson(
    person: ModelPerson,
    next: PersonStatement,
    active: boolean,
  ): { readonly refusal: Refusal; readonly changed: boolean } {
    if (person.gone) return { refusal: 404, changed: false };
    const differs = !sameStatement(person.statement, next);
    if (!differs && active === person.active) return { refusal: undefined, changed: false };
    if (!this.#isFree(next, person)) return { refusal: 409, changed: false };
    const resumes = active && !person.active;
    if (differs && !resumes) this.#tell('user-updated');
    if (resumes) this.#tell('user-created');
    if (!active && person.active) this.#tell('user-deleted');
    person.statement = next;
    person.active = active;
    return { refusal: undefined, changed: true };
  }

  deletePerson(person: ModelPerson): Refusal {
    if (person.gone) return 404;
    person.gone = true;
    for (const group of this.groups) group.members = new Set([...group.members].filter((member) => member !== person));
    this.#tell('user-deleted');
    return undefined;
  }

  createGroup(statement: GroupStatement, members: readonly ModelPerson[]): ModelGroup | Refusal {
    if (!this.#isGroupFree(statement, undefined)) return 409;
    if (members.some(({ gone }) => gone)) return 400;
    const group: ModelGroup = { id: '', statement, members: new Set(), gone: false };
    this.groups.push(group);
    this.#tell('group-created');
    this.#setMembers(group, new Set(members));
    return group;
  }

  /** `members` undefined: they stay. */
  changeGroup(group: ModelGroup, next: GroupStatement, members: ReadonlySet<ModelPerson> | undefined): Refusal {
    if (group.gone) return 404;
    const differs = !sameStatement(group.statement, next);
    if (differs && !this.#isGroupFree(next, group)) return 409;
    if (members !== undefined && [...members].some(({ gone }) => gone)) return 400;
    if (differs) this.#tell('group-updated');
    group.statement = next;
    if (members !== undefined) this.#setMembers(group, members);
    return undefined;
  }

  deleteGroup(group: ModelGroup): Refusal {
    if (group.gone) return 404;
    group.gone = true;
    group.members = new Set();
    this.#tell('group-deleted');
    return undefined;
  }

  #isFree(statement: PersonStatement, self: ModelPerson | undefined): boolean {
    return this.livingPeople.every(
      (other) =>
        other === self ||
        !(
          same(other.statement.userName, statement.userName) ||
          same(hostEmail(other.statement), hostEmail(statement)) ||
          (statement.externalId !== undefined && other.statement.externalId === statement.externalId)
        ),
    );
  }

  #isGroupFree(statement: GroupStatement, self: ModelGroup | undefined): boolean {
    return this.livingGroups.every(
      (other) =>
        other === self ||
        !(
          same(other.statement.displayName, statement.displayName) ||
          (statement.externalId !== undefined && other.statement.externalId === statement.externalId)
        ),
    );
  }

  /** Of who is suspended the host knows no memberships, so its log does not hear of them. */
  #setMembers(group: ModelGroup, members: ReadonlySet<ModelPerson>): void {
    for (const person of members) if (person.active && !group.members.has(person)) this.#tell('group-user-added');
    for (const person of group.members) if (person.active && !members.has(person)) this.#tell('group-user-removed');
    group.members = members;
  }

  #tell(kind: string): void {
    this.events.set(kind, (this.events.get(kind) ?? 0) + 1);
  }
}
