import type { Document } from '../protocol/document.js';
import type { ResourceQuery } from '../protocol/list-query.js';
import { compileFilter, isLookup } from '../sql/filter-sql.js';
import { type SqlFragment, sql, statement } from '../sql/sql.js';
import type { Claim } from './claim-store.js';
import type { Access, Database, Queryable, Transaction } from './database.js';
import { type Audit, insertEvents, userPayload } from './event-sql.js';
import { type ListSource, type Page, type PageRequest, readFoundPage, readOrderedPage, readPage } from './page-sql.js';
import {
  byScimId,
  emailHash,
  findsOne,
  keepsEmail,
  listedColumns,
  matchingPeople,
  OWN_ROW_TAKEN_OVER,
  PEOPLE,
  PERSON_COLUMNS,
  PERSON_FILTER_COLUMNS,
  ROOT_ROLE_COLUMN,
  VISIBLE,
} from './person-sql.js';
import type { NewPerson, PersonState } from './person-state.js';
import { rootRoleNamed, rootRoleToGive } from './role-sql.js';

/** A managed person as the database has them. `document` holds the SCIM attributes that have no column. */
export interface PersonRow {
  readonly userId: number;
  readonly scimId: string;
  readonly externalId: string | null;
  readonly userName: string;
  readonly active: boolean;
  readonly document: Document;
  readonly hostName: string | null;
  readonly hostUsername: string | null;
  readonly hostEmail: string | null;
  readonly version: string;
  readonly created: Date;
  readonly lastModified: Date;
  /** null where they were not asked for. */
  readonly groups: readonly Document[] | null;
}

/** What an answer needs of a person. */
export type ShownPerson = Omit<PersonRow, 'hostName' | 'hostUsername'>;

/** A person who is only shown: `document` and `groups` are JSON text, which nobody has to read. */
export interface ListedPerson extends Omit<ShownPerson, 'userId' | 'hostEmail' | 'document' | 'groups'> {
  readonly document: string;
  /** Complete with references; null where they were not asked for. */
  readonly groups: string | null;
  /** The host's e-mail, where the document states none. */
  readonly unstatedEmail: string | null;
  readonly isEnterprise: boolean;
}

export interface LockedPerson extends PersonRow {
  readonly rootRole: number | null;
}

const statePayload = (
  id: SqlFragment,
  state: Pick<PersonState, 'hostName' | 'hostUsername' | 'hostEmail'>,
  rootRole: SqlFragment,
): SqlFragment =>
  userPayload({
    id,
    name: sql`${state.hostName}::text`,
    username: sql`${state.hostUsername}::text`,
    email: sql`${state.hostEmail}::text`,
    rootRole,
  });

type Written = Pick<PersonRow, 'userId' | 'version' | 'created' | 'lastModified'>;
const WRITTEN = sql`s.user_id AS "userId", s.version::text AS version, s.created_at AS created, s.updated_at AS "lastModified"`;

const written = ([row]: readonly (Written | undefined)[]): Written => {
  if (row === undefined) throw new Error('a person who was just written has no row');
  const { userId, version, created, lastModified } = row;
  return { userId, version, created, lastModified };
};

const one = (columns: SqlFragment) =>
  statement<[scimId: string]>((scimId) => sql`SELECT ${columns} FROM ${PEOPLE} WHERE s.scim_id = ${scimId} AND ${VISIBLE}`);
const ONE = one(PERSON_COLUMNS);
const LISTED = {
  withGroups: statement<[scimId: string, reference: string]>(
    (scimId, reference) => sql`SELECT ${listedColumns(reference)} FROM ${PEOPLE} WHERE s.scim_id = ${scimId} AND ${VISIBLE}`,
  ),
  alone: one(listedColumns(undefined)),
};

export class PersonStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async read(scimId: string, reference: string | undefined, access: Access): Promise<ListedPerson | undefined> {
    const rows = await this.#database.query<ListedPerson>(
      reference === undefined ? LISTED.alone(scimId) : LISTED.withGroups(scimId, reference),
      access,
    );
    return rows[0];
  }

  async readWithin(transaction: Transaction, scimId: string): Promise<PersonRow | undefined> {
    const rows = await transaction.query<PersonRow>(ONE(scimId));
    return rows[0];
  }

  /** Locks the host's row: of two changes to one person the second begins when the first has ended. */
  async readForUpdate(transaction: Transaction, scimId: string): Promise<LockedPerson | undefined> {
    await transaction.query(
      sql`SELECT u.id FROM users u WHERE u.id = (SELECT s.user_id FROM ${PEOPLE} WHERE ${byScimId(scimId)} AND ${VISIBLE}) FOR UPDATE`,
    );
    const rows = await transaction.query<LockedPerson>(
      sql`SELECT ${PERSON_COLUMNS}, ${ROOT_ROLE_COLUMN} FROM ${PEOPLE} JOIN users u ON u.id = s.user_id WHERE ${byScimId(scimId)} AND ${VISIBLE}`,
    );
    return rows[0];
  }

  async list(
    query: ResourceQuery,
    page: PageRequest,
    reference: string | undefined,
    access: Access,
  ): Promise<Page<ListedPerson>> {
    const { filter, sort } = query;
    const ordered = { from: PEOPLE, id: sql`s.user_id`, columns: listedColumns(reference) };
    if (filter === undefined && sort === undefined) {
      return readOrderedPage(this.#database, { ...ordered, condition: VISIBLE }, page, access);
    }
    if (filter !== undefined && page.kind === 'index' && isLookup(filter, PERSON_FILTER_COLUMNS)) {
      const condition = sql`${VISIBLE} AND ${compileFilter(filter, PERSON_FILTER_COLUMNS)}`;
      const found = await readFoundPage<ListedPerson>(
        this.#database,
        { ...ordered, condition, isUnique: findsOne(filter) },
        page,
        access,
      );
      if (found !== undefined && (sort === undefined || found.total === 1)) return found;
    }
    const source: ListSource = {
      matching: matchingPeople(query),
      read: ordered,
      isSorted: sort !== undefined,
      descending: sort?.descending ?? false,
    };
    return readPage(this.#database, source, page, access);
  }

  /** The rows with these host ids, in no order. */
  async readMany(
    ids: readonly number[],
    reference: string | undefined,
  ): Promise<readonly (ListedPerson & Pick<PersonRow, 'userId'>)[]> {
    return this.#database.query(
      sql`SELECT s.user_id AS "userId", ${listedColumns(reference)} FROM ${PEOPLE} WHERE s.user_id = ANY(${ids}::integer[]) AND ${VISIBLE}`,
    );
  }

  /** Brings our rows up to what the host says: of people whom Unleash Enterprise left, and of what our triggers did not see. */
  async absorb(queryable: Queryable): Promise<void> {
    await queryable.query(sql`SELECT scim_absorb_all()`);
  }

  /** New host users with a root role and without a password, in one statement, in the order of the list. */
  async create(
    transaction: Transaction,
    people: readonly NewPerson[],
    rootRole: string,
    audit: Audit,
  ): Promise<readonly PersonRow[]> {
    const input = people.map(({ scimId, state, hasSeat }) => ({ ...state, scimId, seat: hasSeat ? state.hostEmail : null }));
    const payload = userPayload({
      id: sql`r.user_id`,
      name: sql`i."hostName"`,
      username: sql`i."hostUsername"`,
      email: sql`i."hostEmail"`,
      rootRole: sql`r.role_id`,
    });
    const rows = await transaction.query<Written & { scimId: string }>(sql`
      WITH i AS MATERIALIZED (
        SELECT t.* FROM ROWS FROM (jsonb_to_recordset(${JSON.stringify(input)}::jsonb) AS ("scimId" text, "userName" text, "externalId" text,
          document jsonb, "otherEmails" text[], "hostName" text, "hostUsername" text, "hostEmail" text, seat text))
          WITH ORDINALITY AS t("scimId", "userName", "externalId", document, "otherEmails", "hostName", "hostUsername", "hostEmail", seat, place)),
      u AS (
        INSERT INTO users (name, username, email, email_hash, scim_id, scim_external_id, created_at)
        SELECT "hostName", "hostUsername", "hostEmail", ${emailHash(sql`seat`)}, "scimId", "externalId", now()
        FROM i ORDER BY place RETURNING id, scim_id),
      s AS (
        INSERT INTO scim_users (user_id, scim_id, state, user_name, external_id, document, other_emails, host_name, host_username, host_email)
        SELECT u.id, u.scim_id, 'active', "userName", "externalId", document, "otherEmails", "hostName", "hostUsername", "hostEmail"
        FROM u JOIN i ON i."scimId" = u.scim_id RETURNING *),
      r AS (
        INSERT INTO role_user (role_id, user_id, project) SELECT ${rootRoleToGive(rootRole)}, u.id, 'default' FROM u RETURNING role_id, user_id),
      e AS (${insertEvents('user-created', audit, { data: payload }, sql`FROM r JOIN u ON u.id = r.user_id JOIN i ON i."scimId" = u.scim_id ORDER BY i.place`)})
      SELECT s.scim_id AS "scimId", ${WRITTEN} FROM s WHERE scim_keep_email(s.user_id, s.host_email)`);
    const byId = new Map(rows.map((row) => [row.scimId, row]));
    return people.map(({ scimId, state }) => ({
      ...state,
      ...written([byId.get(scimId)]),
      scimId,
      active: true,
      groups: [],
    }));
  }

  /** Takes over a host user nobody managed: the id, roles, groups, sessions and history stay. */
  async adopt(
    transaction: Transaction,
    claim: Claim,
    person: { readonly scimId: string; readonly state: PersonState },
    audit: Audit,
  ): Promise<void> {
    const { scimId, state } = person;
    const rootRole = sql`${claim.rootRole}::integer`;
    const before = userPayload({
      id: sql`${claim.userId}::integer`,
      name: sql`${claim.name}::text`,
      username: sql`${claim.username}::text`,
      email: sql`${claim.email}::text`,
      rootRole,
    });
    await transaction.query(sql`
      WITH u AS (
        UPDATE users SET name = ${state.hostName}, username = ${state.hostUsername}, email = ${state.hostEmail}, scim_id = ${scimId},
          scim_external_id = ${state.externalId},
          email_hash = CASE WHEN email IS NOT DISTINCT FROM ${state.hostEmail}::text THEN email_hash ELSE ${emailHash(sql`${state.hostEmail}::text`)} END
        WHERE id = ${claim.userId} RETURNING id),
      s AS (
        INSERT INTO scim_users (user_id, scim_id, state, user_name, external_id, document, other_emails, host_name, host_username, host_email)
        SELECT u.id, ${scimId}::text, 'active', ${state.userName}::text, ${state.externalId}::text, ${JSON.stringify(state.document)}::jsonb,
          ${state.otherEmails}::text[], ${state.hostName}::text, ${state.hostUsername}::text, ${state.hostEmail}::text FROM u
        ON CONFLICT (user_id) DO UPDATE SET ${OWN_ROW_TAKEN_OVER}, version = scim_users.version + 1, updated_at = now())
      ${insertEvents(
        'user-updated',
        audit,
        { data: sql`${statePayload(sql`u.id`, state, rootRole)} || '{"adoptedByScim": true}'::jsonb`, preData: before },
        sql`FROM u WHERE scim_keep_email(u.id, ${state.hostEmail}::text)`,
      )}`);
  }

  /**
   * Writes a changed person. A suspended one has no names in the host's row; they wait in ours. Else that row
   * takes them first, as with a new person. `changed`: SCIM attributes for the log where no host column tells of the change.
   */
  async update(
    transaction: Transaction,
    person: LockedPerson,
    state: PersonState,
    changed: readonly string[],
    audit: Audit,
    options: { readonly withEvent: boolean },
  ): Promise<LockedPerson> {
    const hostChanged =
      person.hostName !== state.hostName || person.hostUsername !== state.hostUsername || person.hostEmail !== state.hostEmail;
    const rootRole = sql`${person.rootRole}::integer`;
    const data = statePayload(sql`${person.userId}::integer`, state, rootRole);
    const said = hostChanged ? data : sql`${data} || jsonb_build_object('scimAttributes', ${JSON.stringify(changed)}::jsonb)`;
    const event = insertEvents(
      'user-updated',
      audit,
      { data: said, preData: statePayload(sql`${person.userId}::integer`, person, rootRole) },
      options.withEvent ? sql`` : sql`WHERE FALSE`,
    );
    const rows = await transaction.query<Written>(sql`
      WITH u AS (
        UPDATE users SET name = ${state.hostName}, username = ${state.hostUsername}, email = ${state.hostEmail},
          scim_external_id = ${state.externalId},
          email_hash = CASE WHEN email IS NOT DISTINCT FROM ${state.hostEmail}::text THEN email_hash ELSE ${emailHash(sql`${state.hostEmail}::text`)} END
        WHERE id = ${person.userId} AND deleted_at IS NULL RETURNING id),
      s AS (
        UPDATE scim_users s SET user_name = ${state.userName}, external_id = ${state.externalId}, document = ${JSON.stringify(state.document)}::jsonb,
          other_emails = ${state.otherEmails}::text[], host_name = ${state.hostName}, host_username = ${state.hostUsername}, host_email = ${state.hostEmail},
          version = version + 1, updated_at = now()
        WHERE s.user_id = ${person.userId} AND (SELECT count(*) FROM u) >= 0 RETURNING *),
      e AS (${event})
      SELECT ${WRITTEN} FROM s WHERE ${keepsEmail(person, state.hostEmail)}`);
    return { ...person, ...state, ...written(rows) };
  }

  /** The names of root roles that a new person can get; used once, to refuse a wrong option at the start. */
  async rootRoleExists(role: string): Promise<boolean> {
    const rows = await this.#database.query<{ id: number | null }>(sql`SELECT ${rootRoleNamed(role)} AS id`);
    return rows[0]?.id !== null;
  }
}
