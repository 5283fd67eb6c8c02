import type { ScimClient } from './clients.js';
import type { Database } from './database.js';

export const USER_SCHEMA = 'urn:ietf:params:scim:schemas:core:2.0:User';
export const GROUP_SCHEMA = 'urn:ietf:params:scim:schemas:core:2.0:Group';
const PATCH_SCHEMA = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';

/** The host's ids of its predefined root roles. */
export const ADMIN_ROLE = 1;
export const EDITOR_ROLE = 2;
export const VIEWER_ROLE = 3;
/** The host's user for what no person does. */
export const SYSTEM_USER_ID = -1337;
/** `created_by` of whatever the first token of a host does. */
export const FIRST_TOKEN = 'SCIM token #1';

export interface Operation {
  readonly op: 'add' | 'remove' | 'replace';
  readonly path?: string;
  readonly value?: unknown;
}

export const userBody = (userName: string, more: object = {}): object => ({ schemas: [USER_SCHEMA], userName, ...more });

export const groupBody = (displayName: string, memberIds?: readonly string[]): object => ({
  schemas: [GROUP_SCHEMA],
  displayName,
  ...(memberIds === undefined ? {} : { members: memberIds.map((value) => ({ value })) }),
});

export const patchBody = (...Operations: readonly Operation[]): object => ({ schemas: [PATCH_SCHEMA], Operations });

export const setActive = (active: boolean): object => patchBody({ op: 'replace', path: 'active', value: active });

export const addMembers = (...ids: readonly string[]): object =>
  patchBody({ op: 'add', path: 'members', value: ids.map((value) => ({ value })) });

export const removeMember = (id: string): object => patchBody({ op: 'remove', path: `members[value eq "${id}"]` });

/** A resource in SCIM and its row in the host. */
export interface Provisioned {
  readonly id: string;
  readonly hostId: number;
}

interface Scene {
  readonly scim: ScimClient;
  readonly db: Database;
}

const hostIdIn = async (db: Database, table: 'users' | 'groups', scimId: string): Promise<number> => {
  const [row] = await db.query<{ id: number }>(`SELECT id FROM ${table} WHERE scim_id = $1`, [scimId]);
  if (row === undefined) throw new Error(`no row of ${table} has the SCIM id ${scimId}`);
  return row.id;
};

/** An active person of the identity provider's. */
export const provision = async ({ scim, db }: Scene, userName: string, more: object = {}): Promise<Provisioned> => {
  const { body } = await scim.post('/Users', userBody(userName, more)).expect(201);
  return { id: body.id, hostId: await hostIdIn(db, 'users', body.id) };
};

/** So many people at once, whose names begin with `prefix`. */
export const provisionMany = (scene: Scene, prefix: string, count: number): Promise<readonly Provisioned[]> =>
  Promise.all(Array.from({ length: count }, (_none, index) => provision(scene, `${prefix}-${index}@example.com`)));

export const provisionGroup = async (
  { scim, db }: Scene,
  displayName: string,
  members?: readonly Provisioned[],
): Promise<Provisioned> => {
  const body = groupBody(
    displayName,
    members?.map(({ id }) => id),
  );
  const answer = await scim.post('/Groups', body).expect(201);
  return { id: answer.body.id, hostId: await hostIdIn(db, 'groups', answer.body.id) };
};

export interface HostUser {
  readonly id: number;
  readonly name: string | null;
  readonly username: string | null;
  readonly email: string | null;
  readonly email_hash: string | null;
  readonly scim_id: string | null;
  readonly scim_external_id: string | null;
  readonly password_hash: string | null;
  readonly deleted: boolean;
}

export const hostUser = async (db: Database, hostId: number): Promise<HostUser> => {
  const [row] = await db.query<HostUser>(
    `SELECT id, name, username, email, email_hash, scim_id, scim_external_id, password_hash, deleted_at IS NOT NULL AS deleted
     FROM users WHERE id = $1`,
    [hostId],
  );
  if (row === undefined) throw new Error(`the host has no user ${hostId}`);
  return row;
};

/** Role assignments as `role:project`. */
export const rolesOf = async (db: Database, hostId: number): Promise<readonly string[]> => {
  const rows = await db.query<{ role: string }>(
    `SELECT role_id || ':' || project AS role FROM role_user WHERE user_id = $1 ORDER BY role_id, project`,
    [hostId],
  );
  return rows.map(({ role }) => role);
};

export const hostMembers = async (db: Database, groupId: number): Promise<readonly number[]> => {
  const rows = await db.query<{ user_id: number }>('SELECT user_id FROM group_user WHERE group_id = $1 ORDER BY user_id', [
    groupId,
  ]);
  return rows.map(({ user_id }) => user_id);
};

/** Members of a group as SCIM shows them, in the order of the host's ids. */
export const shownMembers = async (scim: ScimClient, groupId: string): Promise<readonly string[]> => {
  const { body } = await scim.get(`/Groups/${groupId}`).expect(200);
  return (body.members ?? []).map(({ value }: { readonly value: string }) => value);
};

export interface HostEvent {
  readonly id: number;
  readonly type: string;
  readonly created_by: string;
  readonly created_by_user_id: number;
  readonly ip: string | null;
  readonly data: Record<string, unknown> | null;
  readonly pre_data: Record<string, unknown> | null;
}

/** A place in the event log, to read on from. */
export const endOfLog = async (db: Database): Promise<number> => {
  const [row] = await db.query<{ id: number }>('SELECT coalesce(max(id), 0) AS id FROM events');
  return row?.id ?? 0;
};

/** A column that says whether an event is a report of failed authentications, which comes at a time of its own. */
export const IS_REPORT = `coalesce(data::jsonb ? 'failedAuthentications', false)`;

/** The events of changes. */
export const eventsSince = (db: Database, after: number): Promise<HostEvent[]> =>
  db.query<HostEvent>(
    `SELECT id, type, created_by, created_by_user_id, ip, data, pre_data FROM events WHERE id > $1 AND NOT ${IS_REPORT} ORDER BY id`,
    [after],
  );

export const typesSince = async (db: Database, after: number): Promise<readonly string[]> =>
  (await eventsSince(db, after)).map(({ type }) => type);

let names = 0;

/** A userName, or a name of anything else, that nothing had before in this test file. */
export const freshName = (what: string): string => {
  names += 1;
  return `${what}-${names}@example.com`;
};
