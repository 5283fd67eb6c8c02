import { afterEach, beforeEach } from '@jest/globals';
import request from 'supertest';
import { adminSession, createLocalUser, type Session } from './clients.js';
import { letLogIn } from './credentials.js';
import type { Database } from './database.js';
import { ADMIN_ROLE, EDITOR_ROLE, VIEWER_ROLE } from './provisioning.js';
import type { World } from './test-world.js';

const PASSWORD = 'a-Strong-Enough-1-Password';

export const setRootRole = async (db: Database, hostId: number, role: number): Promise<void> => {
  await db.query(
    `DELETE FROM role_user WHERE user_id = $1 AND role_id IN (SELECT id FROM roles WHERE type IN ('root', 'root-custom'))`,
    [hostId],
  );
  await db.query(`INSERT INTO role_user (role_id, user_id, project) VALUES ($1, $2, 'default')`, [role, hostId]);
};

/** The host's first user. */
export const BOOTSTRAP_ADMIN = 1;

/** In each test nobody is an admin whom the test did not make one: the bootstrap admin, whose session goes on without the role, is one between them. */
export const withoutAdmins = (db: () => Database): void => {
  beforeEach(() => setRootRole(db(), BOOTSTRAP_ADMIN, VIEWER_ROLE));
  afterEach(async () => {
    await db().query(
      `UPDATE role_user SET role_id = $1 WHERE role_id IN (SELECT role_id FROM role_permission WHERE permission = 'ADMIN')`,
      [VIEWER_ROLE],
    );
    await db().query('UPDATE groups SET root_role_id = NULL');
    await db().query('DELETE FROM group_role');
    await setRootRole(db(), BOOTSTRAP_ADMIN, ADMIN_ROLE);
  });
};

/** A custom root role as Unleash Enterprise makes one; the open-source edition obeys it, but has no page for it. */
export const createRootRole = async (db: Database, name: string, permission: string): Promise<number> => {
  const [role] = await db.query<{ id: number }>(
    `INSERT INTO roles (name, description, type) VALUES ($1, '', 'root-custom') RETURNING id`,
    [name],
  );
  if (role === undefined) throw new Error('no role was made');
  await db.query('INSERT INTO role_permission (role_id, permission) VALUES ($1, $2)', [role.id, permission]);
  return role.id;
};

/** A local user with a password, logged in. */
export const localSession = async (world: World, username: string, rootRole: number): Promise<Session> => {
  const { id } = await createLocalUser(world.admin, { username, name: username, password: PASSWORD });
  await setRootRole(world.db, id, rootRole);
  return adminSession(world.host, username, PASSWORD);
};

/** A managed person, logged in to the host's pages. The bootstrap admin, whose password it takes, must still be there. */
export const managedSession = async ({ db, host }: World, hostId: number): Promise<Session> => {
  const { username, password } = await letLogIn(db, hostId);
  return adminSession(host, username, password);
};

/** Everybody who may or may not use an admin page. */
export const CALLERS = ['admin', 'authentication manager', 'editor', 'viewer', 'nobody'] as const;

export type Caller = (typeof CALLERS)[number];

const ROLES = { admin: ADMIN_ROLE, editor: EDITOR_ROLE, viewer: VIEWER_ROLE } as const;

/** The authentication manager holds UPDATE_AUTH_CONFIGURATION alone, by a custom role. */
export const callerSessions = async (world: World): Promise<Readonly<Record<Caller, Session>>> => {
  const manager = await createRootRole(world.db, 'Authentication manager', 'UPDATE_AUTH_CONFIGURATION');
  return {
    admin: await localSession(world, 'caller-admin', ROLES.admin),
    'authentication manager': await localSession(world, 'caller-manager', manager),
    editor: await localSession(world, 'caller-editor', ROLES.editor),
    viewer: await localSession(world, 'caller-viewer', ROLES.viewer),
    nobody: request.agent(world.host.url),
  };
};

/** Ends the bootstrap admin, through somebody else's session: then nobody local administers Unleash. */
export const removeBootstrapAdmin = async ({ db }: World, actor: Session): Promise<void> => {
  const [admin] = await db.query<{ id: number }>(`SELECT id FROM users WHERE username = 'admin'`);
  await actor.delete(`/api/admin/user-admin/${admin?.id}`).expect(200);
};
