import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../../lib/host/embedded-postgres.js';
import { type Connection, connectionOf, createDatabase, dropLeftovers, useServer } from './database.js';
import { startHost } from './host-process.js';

const FOLDER_PREFIX = 'unleash-scim-test-';
// A run that starts at this moment has its folder, but not yet its lock.
const ABANDONED_AFTER_MS = 60_000;
const SETTINGS = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' };

const quiet = (): void => undefined;

/** Removes what killed runs left: their folders, and the Postgres that may still run in them. */
const sweep = async (): Promise<void> => {
  const names = await readdir(tmpdir());
  for (const name of names.filter((name) => name.startsWith(FOLDER_PREFIX))) {
    const dataDir = join(tmpdir(), name);
    const found = await stat(dataDir).catch(() => undefined);
    if (found?.uid !== process.getuid?.() || Date.now() - (found?.mtimeMs ?? 0) < ABANDONED_AFTER_MS) continue;
    try {
      // Starting it is the way to stop what runs there; the folder of a living run refuses.
      await (await startEmbeddedPostgres({ dataDir, log: quiet })).stop();
      await rm(dataDir, { recursive: true, force: true });
    } catch {
      // In use by another run, or not to be started: no business of this run.
    }
  }
};

export interface TestServer {
  stop(): Promise<void>;
}

const startServer = async (
  settings: Readonly<Record<string, string>>,
): Promise<TestServer & { readonly connection: Connection }> => {
  const given = process.env.TEST_DATABASE_URL;
  if (given !== undefined && given !== '') {
    const connection = connectionOf(given);
    return { connection, stop: async () => undefined };
  }
  await sweep();
  const dataDir = await mkdtemp(join(tmpdir(), FOLDER_PREFIX));
  const { stop, ...connection } = await startEmbeddedPostgres({ dataDir, log: quiet, settings: { ...SETTINGS, ...settings } });
  return {
    connection,
    stop: async () => {
      await stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
};

/**
 * The run's Postgres with a template database that a real host has migrated; tells test files by the environment.
 *
 * @param settings - more of an embedded one.
 */
export const startTestServer = async (settings: Readonly<Record<string, string>> = {}): Promise<TestServer> => {
  const server = await startServer(settings);
  try {
    useServer(server.connection);
    await dropLeftovers();
    const template = await createDatabase({ empty: true });
    const host = await startHost({ database: template, switchedOn: false });
    await host.stop();
    await template.disconnect();
    useServer(server.connection, template.name);
    return {
      stop: async () => {
        await template.drop();
        await server.stop();
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
};
