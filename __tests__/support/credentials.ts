import { randomBytes } from 'node:crypto';
import { adminSession, type Session } from './clients.js';
import type { Database } from './database.js';
import type { Host } from './host-process.js';

/** Kinds of rows that let a user into the host. */
export interface Credentials {
  readonly sessions: number;
  readonly tokens: number;
  readonly resets: number;
  readonly invites: number;
}

export const NO_CREDENTIALS: Credentials = { sessions: 0, tokens: 0, resets: 0, invites: 0 };

/** A session row as a login leaves it, without one. */
export const insertSession = async (db: Database, hostId: number): Promise<string> => {
  const sid = randomBytes(16).toString('hex');
  const sess = { cookie: { path: '/', originalMaxAge: 172_800_000 }, user: { id: hostId, permissions: [], isAPI: false } };
  await db.query(`INSERT INTO unleash_session (sid, sess, expired) VALUES ($1, $2, now() + interval '2 days')`, [
    sid,
    JSON.stringify(sess),
  ]);
  return sid;
};

/** One row of each kind. */
export const insertCredentials = async (db: Database, hostId: number): Promise<void> => {
  const secret = randomBytes(16).toString('hex');
  await insertSession(db, hostId);
  await db.query(
    `INSERT INTO personal_access_tokens (secret, description, user_id, expires_at) VALUES ($1, $1, $2, now() + interval '1 day')`,
    [secret, hostId],
  );
  await db.query(
    `INSERT INTO reset_tokens (reset_token, user_id, expires_at, created_by) VALUES ($1, $2, now() + interval '1 day', 'admin')`,
    [secret, hostId],
  );
  await db.query(
    `INSERT INTO public_signup_tokens (secret, name, expires_at, created_by, role_id, url) VALUES ($1, $1, now() + interval '1 day', 'admin', 3, '')`,
    [secret],
  );
  await db.query('INSERT INTO public_signup_tokens_user (secret, user_id) VALUES ($1, $2)', [secret, hostId]);
};

export const credentialsOf = async (db: Database, hostId: number): Promise<Credentials> => {
  const [row] = await db.query<{ [Kind in keyof Credentials]: number }>(
    `SELECT (SELECT count(*)::integer FROM unleash_session WHERE sess -> 'user' ->> 'id' = $1::text) AS sessions,
       (SELECT count(*)::integer FROM personal_access_tokens WHERE user_id = $1::integer) AS tokens,
       (SELECT count(*)::integer FROM reset_tokens WHERE user_id = $1::integer) AS resets,
       (SELECT count(*)::integer FROM public_signup_tokens_user WHERE user_id = $1::integer) AS invites`,
    [hostId],
  );
  return row ?? NO_CREDENTIALS;
};

/** The bootstrap admin's. */
const PASSWORD = 'unleash4all';

/**
 * Gives a person what the host's login asks for. Nobody can set a password for a managed person, so they borrow the bootstrap
 * admin's.
 */
export const letLogIn = async (
  db: Database,
  hostId: number,
): Promise<{ readonly username: string; readonly password: string }> => {
  const [row] = await db.query<{ username: string }>(
    `UPDATE users SET password_hash = (SELECT password_hash FROM users WHERE username = 'admin') WHERE id = $1
     RETURNING coalesce(email, username) AS username`,
    [hostId],
  );
  return { username: row?.username ?? '', password: PASSWORD };
};

/** Their session in the host's pages. */
export const loginAs = async (host: Host, db: Database, hostId: number): Promise<Session> => {
  const { username, password } = await letLogIn(db, hostId);
  return adminSession(host, username, password);
};
