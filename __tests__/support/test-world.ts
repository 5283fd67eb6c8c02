import { afterAll, beforeAll } from '@jest/globals';
import { adminSession, type ScimClient, type Session, scim } from './clients.js';
import { createDatabase, type Database } from './database.js';
import { type Host, type HostOptions, startHost } from './host-process.js';

export interface World {
  readonly host: Host;
  readonly db: Database;
  readonly scim: ScimClient;
  /** The bootstrap admin's session in the host's pages. */
  readonly admin: Session;
}

/** One host on one database of its own for the whole test file. */
export const withWorld = (options: Omit<HostOptions, 'database'> = {}): (() => World) => {
  const open: { db?: Database; host?: Host; world?: World } = {};
  beforeAll(async () => {
    const db = await createDatabase();
    open.db = db;
    const host = await startHost({ ...options, database: db });
    open.host = host;
    open.world = { host, db, scim: scim(host), admin: await adminSession(host) };
  });
  afterAll(async () => {
    await open.host?.stop();
    await open.db?.drop();
  });
  return () => {
    if (open.world === undefined) throw new Error('The world exists only while tests run.');
    return open.world;
  };
};
