import type { Document } from '../protocol/document.js';
import type { ResourceQuery } from '../protocol/list-query.js';
import { type SqlFragment, sql } from '../sql/sql.js';
import type { Claim } from './claim-store.js';
import type { Access, Database, Queryable, Transaction } from './database.js';
import { type Audit, insertEvents, userPayload } from './event-sql.js';
import { type ListSource, type Page, type PageRequest, readPage } from './page-sql.js';
import {
  byScimId,
  emailHash,
  matchingPeople,
  OWN_ROW_TAKEN_OVER,
  PEOPLE,
  personColumns,
  ROOT_ROLE_COLUMN,
  VISIBLE,
  WRITTEN_VERSION,
} from './person-sql.js';
import { rootRoleNamed, rootRoleToGive } from './role-sql.js';

/** A managed person as the database has them. `document` holds the SCIM attributes that have no column. */
export interface PersonRow {
  readonly userId: number;
  readonly scimId: string;
  readonly externalId: string | null;
  readonly userName: string;
  readonly active: boolean;
  /** False: our row is missing or behind the host's; `absorb` before a write. */
  readonly settled: boolean;
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

export interface LockedPerson extends PersonRow {
  readonly rootRole: number | null;
}

/** What a write leaves behind, in our columns and in the host's. */
export interface PersonState {
  readonly userName: string;
  readonly externalId: string | null;
  readonly document: Document;
  readonly hostName: string | null;
  readonly hostUsername: string | null;
  readonly hostEmail: string | null;
}

export interface NewPerson {
  readonly scimId: string;
  readonly state: PersonState;
  /** False for one who starts suspended: nobody whom the host counts as a seat. */
  readonly hasSeat: boolean;
}

const statePayload = (id: SqlFragment, state: PersonState, rootRole: SqlFragment): SqlFragment =>
  userPayload({
    id,
    name: sql`${state.hostName}::text`,
    username: sql`${state.hostUsername}::text`,
    email: sql`${state.hostEmail}::text`,
    rootRole,
  });

type Written = Pick<PersonRow, 'userId' | 'version' | 'created' | 'lastModified'>;
const WRITTEN = sql`s.user_id AS "userId", ${WRITTEN_VERSION} AS version, s.created_at AS created, s.updated_at AS "lastModified"`;

const written = ([row]: readonly (Written | undefined)[]): Written => {
  if (row === undefined) throw new Error('a person who was just written has no row');
  const { userId, version, created, lastModified } = row;
  return { userId, version, created, lastModified };
};

const one = (scimId: string, withGroups: boolean): SqlFragment =>
  sql`SELECT ${personColumns(withGroups)} FROM ${PEOPLE} WHERE ${byScimId(scimId)} AND ${VISIBLE}`;

export class PersonStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async read(scimId: string, withGroups: boolean, access: Access): Promise<PersonRow | undefined> {
    const rows = await this.#database.query<PersonRow>(one(scimId, withGroups), access);
    return rows[0];
  }

  async readWithin(transaction: Transaction, scimId: string, withGroups: boolean): Promise<PersonRow | undefined> {
    const rows = await transaction.query<PersonRow>(one(scimId, withGroups));
    return rows[0];
  }

  /** Locks the host's row: of two changes to one person the second begins when the first has ended. */
  async readForUpdate(transaction: Transaction, scimId: string): Promise<LockedPerson | undefined> {
    const locked = await transaction.query<{ id: number }>(sql`SELECT u.id FROM users u WHERE ${byScimId(scimId)} FOR UPDATE`);
    const userId = locked[0]?.id;
    if (userId === undefined) return undefined;
    const rows = await transaction.query<LockedPerson>(
      sql`SELECT ${personColumns(true)}, ${ROOT_ROLE_COLUMN} FROM ${PEOPLE} WHERE u.id = ${userId} AND ${VISIBLE} AND ${byScimId(scimId)}`,
    );
    return rows[0];
  }

  async list(query: ResourceQuery, page: PageRequest, withGroups: boolean, access: Access): Promise<Page<PersonRow>> {
    const source: ListSource = {
      matching: matchingPeople(query),
      read: { from: PEOPLE, id: sql`u.id`, columns: personColumns(withGroups) },
      isSorted: query.sort !== undefined,
      descending: query.sort?.descending ?? false,
    };
    return readPage(this.#database, source, page, access);
  }

  /** The rows with these host ids, in no order. */
  async readMany(ids: readonly number[], withGroups: boolean): Promise<readonly PersonRow[]> {
    return this.#database.query<PersonRow>(
      sql`SELECT ${personColumns(withGroups)} FROM ${PEOPLE} WHERE u.id = ANY(${ids}::integer[]) AND ${VISIBLE}`,
    );
  }

  /**
   * Brings our rows up to what SCIM shows, so that every write finds one that is true: people whom Unleash Enterprise left
   * get a row, and what was changed in the host's pages is taken over. `undefined`: everybody without a row.
   */
  async absorb(queryable: Queryable, userIds: readonly number[] | undefined): Promise<void> {
    const who = userIds === undefined ? sql`s.user_id IS NULL` : sql`u.id = ANY(${userIds}::integer[])`;
    await queryable.query(sql`
      INSERT INTO scim_users (user_id, scim_id, state, user_name, external_id, document, host_name, host_username, host_email, created_at)
      SELECT p."userId", p."scimId", 'active', p."userName", p."externalId", p.document, p."hostName", p."hostUsername", p."hostEmail", p.created
      FROM (SELECT ${personColumns(false)} FROM ${PEOPLE} WHERE ${who} AND ${VISIBLE} AND s.state IS DISTINCT FROM 'suspended') p
      ON CONFLICT (user_id) DO UPDATE SET ${OWN_ROW_TAKEN_OVER}`);
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
          document jsonb, "hostName" text, "hostUsername" text, "hostEmail" text, seat text))
          WITH ORDINALITY AS t("scimId", "userName", "externalId", document, "hostName", "hostUsername", "hostEmail", seat, place)),
      u AS (
        INSERT INTO users (name, username, email, email_hash, scim_id, scim_external_id, created_at)
        SELECT "hostName", "hostUsername", "hostEmail", ${emailHash(sql`seat`)}, "scimId", "externalId", now()
        FROM i ORDER BY place RETURNING id, scim_id),
      s AS (
        INSERT INTO scim_users (user_id, scim_id, state, user_name, external_id, document, host_name, host_username, host_email)
        SELECT u.id, u.scim_id, 'active', "userName", "externalId", document, "hostName", "hostUsername", "hostEmail"
        FROM u JOIN i ON i."scimId" = u.scim_id RETURNING *),
      r AS (
        INSERT INTO role_user (role_id, user_id, project) SELECT ${rootRoleToGive(rootRole)}, u.id, 'default' FROM u RETURNING role_id, user_id),
      e AS (${insertEvents('user-created', audit, { data: payload }, sql`FROM r JOIN u ON u.id = r.user_id JOIN i ON i."scimId" = u.scim_id ORDER BY i.place`)})
      SELECT s.scim_id AS "scimId", ${WRITTEN} FROM s`);
    const byId = new Map(rows.map((row) => [row.scimId, row]));
    return people.map(({ scimId, state }) => ({
      ...state,
      ...written([byId.get(scimId)]),
      scimId,
      active: true,
      settled: true,
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
        INSERT INTO scim_users (user_id, scim_id, state, user_name, external_id, document, host_name, host_username, host_email)
        SELECT u.id, ${scimId}::text, 'active', ${state.userName}::text, ${state.externalId}::text, ${JSON.stringify(state.document)}::jsonb,
          ${state.hostName}::text, ${state.hostUsername}::text, ${state.hostEmail}::text FROM u
        ON CONFLICT (user_id) DO UPDATE SET ${OWN_ROW_TAKEN_OVER}, version = scim_users.version + 1, updated_at = now())
      ${insertEvents(
        'user-updated',
        audit,
        { data: sql`${statePayload(sql`u.id`, state, rootRole)} || '{"adoptedByScim": true}'::jsonb`, preData: before },
        sql`FROM u`,
      )}`);
  }

  /**
   * Writes a changed person. A suspended one has no names in the host's row; they wait in ours.
   * `changed` names the SCIM attributes for the log where no host column tells of the change.
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
        WHERE id = ${person.userId} AND deleted_at IS NULL),
      s AS (
        UPDATE scim_users s SET user_name = ${state.userName}, external_id = ${state.externalId}, document = ${JSON.stringify(state.document)}::jsonb,
          host_name = ${state.hostName}, host_username = ${state.hostUsername}, host_email = ${state.hostEmail},
          version = version + 1, updated_at = now()
        WHERE s.user_id = ${person.userId} RETURNING *),
      e AS (${event})
      SELECT ${WRITTEN} FROM s`);
    return { ...person, ...state, ...written(rows), settled: true };
  }

  /** The names of root roles that a new person can get; used once, to refuse a wrong option at the start. */
  async rootRoleExists(role: string): Promise<boolean> {
    const rows = await this.#database.query<{ id: number | null }>(sql`SELECT ${rootRoleNamed(role)} AS id`);
    return rows[0]?.id !== null;
  }
}
