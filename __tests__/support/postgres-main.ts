import { startEmbeddedPostgres } from '../../lib/host/embedded-postgres.js';

/** The embedded Postgres in a process of its own, to be killed: tells its connection as a line of JSON. */
const dataDir = process.argv[2] ?? '';
const postgres = await startEmbeddedPostgres({ dataDir, log: console.error });
console.log(JSON.stringify(postgres));
process.on('SIGTERM', () => void postgres.stop().then(() => process.exit(0)));
