import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../../lib/host/embedded-postgres.js';
import { readCommandLine } from '../bench/command-line.js';
import { progress } from '../bench/progress.js';
import { runMain } from '../bench/run-main.js';
import { useServer } from '../support/database.js';
import { describeProblems, SoakWorld } from './run-soak.js';

/** Commands of one history; then all is checked, and the next one begins. */
const SIZE = { commands: 2_400, faults: 24, kills: 2 };
const SETTINGS = { fsync: 'off', max_connections: '200' };

/** What Postgres says of the connections that we end is no news. */
const tell = (line: string): void => {
  if (!line.includes('terminating connection')) progress(line);
};

const add = <Key>(sums: Map<Key, number>, counts: ReadonlyMap<Key, number>): void => {
  for (const [key, count] of counts) sums.set(key, (sums.get(key) ?? 0) + count);
};

const listed = (counts: ReadonlyMap<unknown, number>): string =>
  [...counts]
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))
    .map(([key, count]) => `${key}: ${count}`)
    .join(', ');

/** @returns whether nothing was lost. */
const run = async (world: SoakWorld, seconds: number, seed: number): Promise<boolean> => {
  const end = Date.now() + seconds * 1000;
  const sums = { operations: 0, unknown: 0, samples: 0, lost: 0, histories: 0 };
  const faults = new Map<string, number>();
  const statuses = new Map<number, number>();
  for (let own = seed; Date.now() < end; own += 1) {
    const result = await world.soak(own, SIZE);
    sums.histories += 1;
    sums.operations += result.operations;
    sums.unknown += result.unknown;
    sums.samples += result.samples;
    sums.lost += result.problems.length;
    add(faults, result.faults);
    add(statuses, result.statuses);
    progress(
      `seed ${own}: ${result.operations} operations, ${result.unknown} without an answer, lost: ${result.problems.length}`,
    );
    if (result.problems.length > 0) console.error(describeProblems(own, result));
  }
  console.log(
    [
      `histories: ${sums.histories} (seeds from ${seed} up)`,
      `operations run: ${sums.operations} (by status: ${listed(statuses)})`,
      `faults injected: ${[...faults.values()].reduce((sum, count) => sum + count, 0)} (${listed(faults)})`,
      `unknown outcomes: ${sums.unknown}`,
      `looks at the tables meanwhile: ${sums.samples}`,
      `lost: ${sums.lost}`,
    ].join('\n'),
  );
  return sums.lost === 0;
};

await runMain(async () => {
  const { numbers } = readCommandLine({ seconds: 600, seed: (Date.now() % 1_000_000) + 1 }, []);
  progress(`seed ${numbers.seed}`);
  const dataDir = await mkdtemp(join(tmpdir(), 'unleash-scim-soak-'));
  const postgres = await startEmbeddedPostgres({ dataDir, log: tell, settings: SETTINGS });
  let world: SoakWorld | undefined;
  const stop = async (): Promise<void> => {
    await world?.stop();
    await postgres.stop();
    await rm(dataDir, { recursive: true, force: true });
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => void stop().finally(() => process.exit(130)));
  }
  try {
    useServer(postgres);
    world = await SoakWorld.start({ empty: true });
    return await run(world, numbers.seconds, numbers.seed);
  } finally {
    await stop();
  }
});
