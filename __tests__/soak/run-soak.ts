import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDatabase, type Database } from '../support/database.js';
import { type Host, startHost } from '../support/host-process.js';
import { endOfLog } from '../support/provisioning.js';
import { check } from './check.js';
import { SoakClient } from './client.js';
import { type Command, type Fault, planSoak } from './commands.js';
import { Directory } from './directory.js';
import { adminCookie, Faults } from './faults.js';
import { type Call, isUnknown, type Problem, problem } from './history.js';
import { brokenNow, readRest } from './rest.js';
import { Scene } from './scene.js';

const SAMPLE_MS = 200;
/** After the clients, so that what was cut has ended in Postgres too. */
const CALM_MS = 300;
const CLIENTS = 8;
const MAX_SHOWN = 5;

export interface SoakSize {
  readonly commands: number;
  readonly faults: number;
  readonly kills: number;
}

export interface SoakResult {
  /** Requests and operations of bulk requests. */
  readonly operations: number;
  /** How many of them had no answer. */
  readonly unknown: number;
  readonly statuses: ReadonlyMap<number, number>;
  readonly faults: ReadonlyMap<Fault, number>;
  /** Times that the tables were looked at while clients were at work. */
  readonly samples: number;
  readonly problems: readonly Problem[];
  /** Where the history of a soak with problems is. */
  readonly file: string | undefined;
}

/** Two replicas on one database, for as many soaks as there is time for. */
export class SoakWorld {
  readonly db: Database;
  #replicas: readonly [Host, Host];
  #token: string;
  readonly #cookie: string;

  private constructor(db: Database, replicas: readonly [Host, Host], cookie: string) {
    this.db = db;
    this.#replicas = replicas;
    this.#token = replicas[0].token;
    this.#cookie = cookie;
  }

  static async start(options: { readonly empty: boolean }): Promise<SoakWorld> {
    const db = await createDatabase(options);
    const started: Host[] = [];
    try {
      const first = await startHost({ database: db });
      started.push(first);
      const second = await startHost({ database: db });
      started.push(second);
      return new SoakWorld(db, [first, second], await adminCookie(first));
    } catch (error) {
      await Promise.all(started.map((host) => host.stop()));
      await db.drop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#replicas.map((host) => host.stop()));
    await this.db.drop();
  }

  /** One history, from chance to judgement. Whatever it made is deleted afterwards. */
  async soak(seed: number, size: SoakSize): Promise<SoakResult> {
    const mark = await endOfLog(this.db);
    const scene = new Scene(this.db, this.#replicas, this.#token, new Directory(`soak${seed}.example.com`));
    const faults = new Faults(scene, this.#cookie);
    try {
      const { samples, broken } = await this.#run(scene, faults, seed, size);
      await faults.settle();
      await readAll(scene);
      const rest = await readRest(this.db, mark);
      const problems = [
        ...broken,
        ...check(scene.calls, rest),
        ...(await brokenNow(this.db)).map((what) => problem(`at rest: ${what}`)),
      ];
      const file = problems.length === 0 ? undefined : await keep(seed, { problems, calls: scene.calls, rest });
      await faults.clear();
      return { ...countsOf(scene.calls), faults: faults.injected, samples, problems, file };
    } finally {
      const [first, second] = scene.replicas;
      this.#replicas = [first ?? this.#replicas[0], second ?? this.#replicas[1]];
      this.#token = scene.tokens.at(-1) ?? this.#token;
      scene.agent.destroy();
    }
  }

  async #run(
    scene: Scene,
    faults: Faults,
    seed: number,
    size: SoakSize,
  ): Promise<{ readonly samples: number; readonly broken: readonly Problem[] }> {
    const plan = planSoak(seed, { clients: CLIENTS, ...size });
    const waiting = [...plan.faults];
    let begun = 0;
    const work = async (client: SoakClient, commands: readonly Command[]): Promise<void> => {
      for (const command of commands) {
        begun += 1;
        for (let next = waiting[0]; next !== undefined && next.after <= begun; next = waiting[0]) {
          waiting.shift();
          faults.inject(next);
        }
        await client.perform(command);
      }
    };
    let isRunning = true;
    const broken = new Set<string>();
    let samples = 0;
    const sample = async (): Promise<void> => {
      while (isRunning) {
        for (const what of await brokenNow(this.db)) broken.add(what);
        samples += 1;
        await sleep(SAMPLE_MS);
      }
    };
    const sampling = sample();
    try {
      await Promise.all(plan.clients.map((commands, number) => work(new SoakClient(scene, number), commands)));
      await faults.settled();
      await sleep(CALM_MS);
    } finally {
      isRunning = false;
      await sampling;
    }
    return { samples, broken: [...broken].map((what) => problem(`at some moment: ${what}`)) };
  }
}

/** Everything at rest, as both replicas show it: part of the history like any other call. */
const readAll = async (scene: Scene): Promise<void> => {
  const people = await scene.db.query<{ id: string }>(
    `SELECT scim_id AS id FROM scim_users WHERE state <> 'gone' ORDER BY user_id`,
  );
  const groups = await scene.db.query<{ id: string }>('SELECT scim_id AS id FROM groups WHERE scim_id IS NOT NULL ORDER BY id');
  for (const replica of [0, 1] as const) {
    const client = new SoakClient(scene, CLIENTS + replica);
    for (const { id } of people) await client.read('person', id, replica);
    for (const { id } of groups) await client.read('group', id, replica);
  }
};

const countsOf = (calls: readonly Call[]): Pick<SoakResult, 'operations' | 'unknown' | 'statuses'> => {
  const statuses = new Map<number, number>();
  for (const { status } of calls) if (status !== undefined) statuses.set(status, (statuses.get(status) ?? 0) + 1);
  return { operations: calls.length, unknown: calls.filter(isUnknown).length, statuses };
};

const keep = async (seed: number, history: object): Promise<string> => {
  const file = join(tmpdir(), `unleash-scim-soak-${seed}-${Date.now()}.json`);
  await writeFile(file, JSON.stringify({ seed, ...history }, undefined, 1));
  return file;
};

/** What somebody needs to look into a soak that failed. */
export const describeProblems = (seed: number, { problems, file }: SoakResult): string =>
  [
    `seed ${seed}: ${problems.length} problems; the history is in ${file}`,
    ...problems.slice(0, MAX_SHOWN).map(
      ({ what, calls }) =>
        `- ${what}\n  ${calls
          .slice(-MAX_SHOWN)
          .map((call) => JSON.stringify(call))
          .join('\n  ')}`,
    ),
  ].join('\n');
