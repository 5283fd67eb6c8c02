import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { describeProblems, SoakWorld } from './run-soak.js';

/** Another one finds other things; `npm run soak` goes through many. */
const SEED = Number(process.env.SOAK_SEED ?? 20_260_801);
const SIZE = { commands: 1_400, faults: 16, kills: 2 };

/** On a busy machine; seconds are enough on an idle one. */
const PATIENCE_MS = 300_000;

let world: SoakWorld | undefined;
beforeAll(async () => {
  world = await SoakWorld.start({ empty: false });
}, PATIENCE_MS);
afterAll(async () => {
  await world?.stop();
});

test(
  'whatever many clients ask two replicas for, while these and their connections die: no acknowledged change is lost, and none is half-done',
  async () => {
    if (world === undefined) throw new Error('no replicas');
    const result = await world.soak(SEED, SIZE);
    if (result.problems.length > 0) console.error(describeProblems(SEED, result));
    expect(result.problems.map(({ what }) => what)).toEqual([]);
    expect(result.operations).toBeGreaterThan(SIZE.commands / 2);
    expect(result.faults.get('kill a replica')).toBe(SIZE.kills);
    expect(result.unknown).toBeGreaterThan(0);
  },
  PATIENCE_MS,
);
