import { type BenchResult, meanSpeed, summaryOf, tableOf, writeResult } from './bench-result.js';
import { type BenchWorld, startWorld } from './bench-world.js';
import { runBulkContest } from './bulk-contest.js';
import { commandText, readCommandLine } from './command-line.js';
import { runSlice } from './contest.js';
import { type Exercise, inTurn } from './exercise.js';
import { createSmallGroups, fillGroup, groupCreateExercises, largeGroupExercises, memberExercises } from './group-exercises.js';
import { listGroups, pageExercises } from './list-exercises.js';
import { describeMachine } from './machine.js';
import { createPeople, peopleExercises } from './people-exercises.js';
import { BENCH_FILE, CONTROL_FILE, writePage } from './performance-page.js';
import { progress, secondsSoFar } from './progress.js';
import { type Contenders, RowBuilder } from './rows.js';
import { runMain } from './run-main.js';
import type { Subject } from './subject.js';
import { verifyAnswers, verifyContent } from './verification.js';

const SMALL = 1_000;
const GROUP_SIZES = [100, 1_000, 10_000];
/** People outside of the largest group, who come and go. */
const SPARE = 100;
const WARM_UP = 400;
const CREATES_ALONE = 40;
const TURNS_ALONE = 12;
const SLICE_OF_LOAD = 400;
const BULK = 1_000;
const BULK_TURNS = 4;
const WALK_BUDGET_MS = 20_000;
/** What comes after the rounds, and then some. */
const GRACE_SECONDS = 300;

const load = async (subject: Subject, people: number, concurrency: number): Promise<void> => {
  const requests = people - subject.people.length;
  await runSlice(subject, createPeople(subject), { concurrency, requests, budgetMs: 120_000 });
};

const vacuum = async (subjects: readonly Subject[]): Promise<void> => {
  for (const { database } of subjects) await database.query('VACUUM ANALYZE');
  await subjects[0]?.database.query('CHECKPOINT');
};

/** Creates are timed while the people come whom the rest needs. */
const createPhase = async (contenders: Contenders, people: number): Promise<readonly RowBuilder[]> => {
  const subjects = Object.values(contenders);
  for (const subject of subjects) await load(subject, Math.min(WARM_UP, people / 4), 10);
  const goals = { speed: 0.8, cpu: 1.3 };
  const alone: Exercise = {
    name: 'create',
    plan: { ...inTurn(1, Math.ceil(Math.min(CREATES_ALONE, people / 50))), warmUp: 0 },
    script: createPeople,
    goals,
    hasLeast: true,
  };
  const builders = [new RowBuilder(alone, contenders)];
  for (let round = 0; round < 3; round += 1) await builders[0]?.round(TURNS_ALONE / 3);
  const left = people + SPARE - Math.max(...subjects.map((subject) => subject.people.length));
  const turns = Math.max(1, Math.round(left / SLICE_OF_LOAD));
  const together: Exercise = {
    name: 'create, 10 at once',
    plan: { ...inTurn(10, Math.ceil(left / turns)), warmUp: 0 },
    script: createPeople,
    goals,
    hasLeast: true,
  };
  const loading = new RowBuilder(together, contenders);
  await loading.round(turns);
  // A slice that ran out of time leaves some to be made.
  for (const subject of subjects) await load(subject, people + SPARE, 10);
  return [...builders, loading];
};

interface Settings {
  readonly people: number;
  readonly rounds: number;
  readonly turns: number;
  readonly seconds: number;
  readonly control: boolean;
}

const run = async (world: BenchWorld, settings: Settings): Promise<Omit<BenchResult, 'machine' | 'command' | 'when'>> => {
  const { people, rounds, turns, seconds, control } = settings;
  const floor = await world.start('floor', 'floor');
  const scim = control ? await world.start('the floor again', 'floor') : await world.start('unleash-scim', 'scim');
  const small = await world.start('the small one', scim.kind);
  const least = control ? undefined : await world.start('the least', 'least');
  const contenders: Contenders = { floor, scim, ...(least === undefined ? {} : { least }) };
  const subjects = [floor, scim, small];
  const all = [...subjects, ...(least === undefined ? [] : [least])];
  const faults: string[] = [];
  for (const subject of all) faults.push(...(await verifyAnswers(subject)));

  progress('creating people');
  await load(small, Math.min(SMALL, people), 10);
  const creates = await createPhase(contenders, people);
  progress('filling groups');
  const sizes = GROUP_SIZES.filter((size) => size <= people);
  for (const subject of subjects) {
    await createSmallGroups(subject);
    // As many groups to a person where people are few, for lists show them.
    for (const size of sizes) await fillGroup(subject, size);
  }
  if (least !== undefined) await fillGroup(least, Math.min(...sizes));
  await vacuum(all);
  const memoryOf = () =>
    subjects.flatMap((subject) => [subject.readMemory()].flatMap((memory) => (memory ? [{ subject, memory }] : [])));
  const loaded = memoryOf();

  const exercises = [
    ...peopleExercises(small),
    ...(await pageExercises([floor, scim], small, WALK_BUDGET_MS)),
    ...groupCreateExercises(),
    listGroups(),
    ...memberExercises(sizes, scim),
    ...largeGroupExercises(sizes),
  ];
  const builders = exercises.map((exercise) => new RowBuilder(exercise, contenders));
  const startedAt = secondsSoFar();
  for (let round = 0; round < rounds; round += 1) {
    const perRound = round === 0 ? 0 : (secondsSoFar() - startedAt) / round;
    if (secondsSoFar() + perRound > seconds) {
      progress(`no time for round ${round + 1} of ${rounds}`);
      break;
    }
    for (const [index, builder] of builders.entries()) {
      if (index % 8 === 0) progress(`round ${round + 1} of ${rounds}: ${builder.exercise.name}`);
      await builder.round(turns);
    }
  }
  progress('looking whether everything is there');
  for (const subject of subjects) faults.push(...(await verifyContent(subject)));
  const end = memoryOf();
  const bulk = control ? null : await runBulkContest(scim, Math.min(BULK, people), BULK_TURNS);
  const rows = [...creates, ...builders].map((builder) => builder.row);
  for (const subject of all) subject.close();
  return {
    seconds: Math.round(secondsSoFar()),
    people,
    control,
    rows,
    bulk,
    geometricMean: meanSpeed(rows),
    memory: Object.fromEntries(
      loaded.flatMap(({ subject, memory }) => {
        const last = end.find((other) => other.subject === subject)?.memory;
        return last === undefined ? [] : [[subject.name, { loaded: memory, end: last }]];
      }),
    ),
    faults,
  };
};

await runMain(async () => {
  const { numbers, flags, out } = readCommandLine({ people: 10_000, rounds: 3, turns: 4, seconds: 400 }, ['control', 'docs']);
  const world = await startWorld(numbers.seconds + GRACE_SECONDS);
  try {
    const result: BenchResult = {
      when: new Date().toISOString(),
      machine: describeMachine(world.postgresVersion),
      command: commandText('bench'),
      ...(await run(world, { ...numbers, control: flags.has('control') })),
    };
    console.log(`${tableOf(result.rows)}\n${summaryOf(result)}`);
    if (out !== undefined) writeResult(out, result);
    if (flags.has('docs')) {
      writeResult(result.control ? CONTROL_FILE : BENCH_FILE, result);
      writePage();
    }
    return result.faults.length === 0 && result.rows.every(({ failure }) => failure === null);
  } finally {
    await world.stop();
  }
});
