import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startEmbeddedPostgres } from '../../lib/host/embedded-postgres.js';
import { postgresPid } from '../support/child-program.js';
import { createDatabase, type Database, useServer } from '../support/database.js';
import { type Host, type HostOptions, startHost } from '../support/host-process.js';
import { FLOOR_SCHEMA } from './floor-schema.js';
import { BY_INDEX, HOST_INDEXES } from './host-rows.js';
import { progress } from './progress.js';
import { type ServerKind, Subject } from './subject.js';

/** A commit waits for the disk, as it does in production; a checkpoint shall fall into nobody's turn. */
const POSTGRES_SETTINGS = {
  shared_buffers: '256MB',
  max_connections: '100',
  max_wal_size: '8GB',
  checkpoint_timeout: '1h',
};

/** The host's own default size of its pool. */
const HOST_CONNECTIONS = 4;
const KEEP_ALIVE_MS = 30 * 60_000;

export interface BenchWorld {
  readonly postgresVersion: string;
  /** A real host on a database of its own: with SCIM, with the floor, or with the least. */
  start(name: string, kind: ServerKind): Promise<Subject>;
  /** Ends what `start` started, and removes the data. */
  stop(): Promise<void>;
}

const optionsOf = (kind: ServerKind, database: Database): HostOptions => {
  const common: HostOptions = {
    database,
    env: { NODE_ENV: 'production' },
    hostOptions: {
      db: { pool: { min: 0, max: HOST_CONNECTIONS } },
      server: { keepAliveTimeout: KEEP_ALIVE_MS, headersTimeout: KEEP_ALIVE_MS },
    },
  };
  if (kind === 'scim') return common;
  const modulePath = fileURLToPath(new URL(`./${kind}-hooks.js`, import.meta.url));
  // Without the enterprise flag the plugin mounts nothing and leaves its address to the floor.
  return {
    ...common,
    switchedOn: false,
    awaitScim: false,
    hostOptions: { ...common.hostOptions, enterpriseVersion: '', modulePath },
  };
};

/** `limitSeconds`: everything is ended after so long, whatever hangs. */
export const startWorld = async (limitSeconds: number): Promise<BenchWorld> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'unleash-scim-bench-'));
  const postgres = await startEmbeddedPostgres({ dataDir, log: progress, settings: POSTGRES_SETTINGS });
  const hosts: Host[] = [];
  const databases: Database[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(hosts.map((host) => host.stop()));
    await Promise.all(databases.map((database) => database.disconnect()));
    await postgres.stop();
    await rm(dataDir, { recursive: true, force: true });
  };
  const giveUp = (code: number, why: string) => () => {
    progress(`${why}: stopping`);
    void stop().finally(() => process.exit(code));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, giveUp(130, signal));
  setTimeout(giveUp(3, `no end after ${limitSeconds} seconds`), limitSeconds * 1000).unref();
  try {
    useServer(postgres);
    const serverPid = await postgresPid(dataDir);
    const first = await createDatabase({ empty: true });
    databases.push(first);
    const [version] = await first.query<{ server_version: string }>('SHOW server_version');
    return {
      postgresVersion: version?.server_version ?? 'unknown',
      start: async (name, kind) => {
        progress(`starting ${name}`);
        const database = await createDatabase({ empty: true });
        databases.push(database);
        if (kind === 'floor') await database.query(FLOOR_SCHEMA);
        if (kind === 'least') await database.query(BY_INDEX);
        const host = await startHost(optionsOf(kind, database));
        hosts.push(host);
        if (kind === 'least') await database.query(HOST_INDEXES);
        return new Subject({ name, kind, host, database, postgresPid: serverPid });
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
};
