import { type Contestant, runRound, type Turn } from './contest.js';
import type { Exercise, Goals } from './exercise.js';
import { progress } from './progress.js';
import { median, quantile, rounded, sum } from './statistics.js';
import type { Subject } from './subject.js';

export type Role = 'floor' | 'scim' | 'least' | 'reference';

export interface Figures {
  /** Milliseconds. */
  readonly p50: number | null;
  readonly p95: number | null;
  readonly perSecond: number | null;
  /** Milliseconds per request. */
  readonly cpuNode: number | null;
  readonly cpuPostgres: number | null;
  readonly requests: number;
}

export interface Verdict {
  readonly goal: string;
  readonly met: boolean;
}

export interface Row {
  readonly name: string;
  readonly turns: number;
  /** Of the floor's: 1 is as fast, more is faster. */
  readonly speed: number | null;
  /** Of the floor's: 1 is as much, more is more. */
  readonly cpu: number | null;
  /** p50 of the reference's. */
  readonly flat: number | null;
  /** The speed of the least on the host's tables: what the floor leaves to whoever writes the host's own rows. */
  readonly least: number | null;
  readonly reference: string | null;
  readonly figures: Partial<Readonly<Record<Role, Figures>>>;
  readonly verdicts: readonly Verdict[];
  /** Why there are no figures. */
  readonly failure: string | null;
}

const p50 = (turn: Turn<Role>, role: Role): number => quantile(turn.get(role)?.latencies ?? [], 0.5);
const perSecond = (turn: Turn<Role>, role: Role): number => {
  const slice = turn.get(role);
  return slice === undefined ? Number.NaN : (slice.latencies.length * 1000) / slice.wallMs;
};

const cpuPerRequest = (turns: readonly Turn<Role>[], role: Role, of: 'cpuNode' | 'cpuPostgres'): number => {
  const slices = turns.flatMap((turn) => turn.get(role) ?? []);
  return sum(slices.map((slice) => slice[of])) / sum(slices.map(({ latencies }) => latencies.length));
};
const cpuOf = (turns: readonly Turn<Role>[], role: Role): number =>
  cpuPerRequest(turns, role, 'cpuNode') + cpuPerRequest(turns, role, 'cpuPostgres');

const figuresOf = (rounds: readonly (readonly Turn<Role>[])[], role: Role): Figures | undefined => {
  const turns = rounds.flat();
  const latencies = turns.flatMap((turn) => turn.get(role)?.latencies ?? []);
  if (latencies.length === 0) return undefined;
  return {
    p50: rounded(quantile(latencies, 0.5)),
    p95: rounded(quantile(latencies, 0.95)),
    perSecond: rounded(median(turns.map((turn) => perSecond(turn, role)))),
    cpuNode: rounded(median(rounds.map((round) => cpuPerRequest(round, role, 'cpuNode')))),
    cpuPostgres: rounded(median(rounds.map((round) => cpuPerRequest(round, role, 'cpuPostgres')))),
    requests: latencies.length,
  };
};

const verdictsOf = (
  goals: Goals,
  of: { readonly speed: number; readonly cpu: number; readonly flat: number },
): readonly Verdict[] => {
  const verdicts: Verdict[] = [];
  if (goals.speed !== undefined) verdicts.push({ goal: `speed >= ${goals.speed}`, met: of.speed >= goals.speed });
  // Where /proc tells no CPU there is no verdict.
  if (goals.cpu !== undefined && Number.isFinite(of.cpu))
    verdicts.push({ goal: `CPU <= ${goals.cpu}`, met: of.cpu <= goals.cpu });
  if (goals.flat !== undefined && Number.isFinite(of.flat)) {
    verdicts.push({ goal: `flat <= ${goals.flat}`, met: of.flat <= goals.flat });
  }
  return verdicts;
};

/** Who is measured in each row; the least only where the exercise has it. */
export interface Contenders {
  readonly floor: Subject;
  readonly scim: Subject;
  readonly least?: Subject;
}

/** Collects the rounds of one exercise. */
export class RowBuilder {
  readonly exercise: Exercise;
  readonly #contestants: readonly Contestant<Role>[];
  readonly #rounds: (readonly Turn<Role>[])[] = [];
  #failure: string | undefined;

  constructor(exercise: Exercise, { floor, scim, least }: Contenders) {
    this.exercise = exercise;
    const { reference } = exercise;
    this.#contestants = [
      { role: 'floor', subject: floor, script: exercise.script(floor) },
      { role: 'scim', subject: scim, script: exercise.script(scim) },
      ...(least === undefined || exercise.hasLeast !== true
        ? []
        : [{ role: 'least' as const, subject: least, script: exercise.script(least) }]),
      ...(reference === undefined
        ? []
        : [{ role: 'reference' as const, subject: reference.subject, script: reference.script(reference.subject) }]),
    ];
  }

  /** A wrong answer ends the row, for it is never fast. */
  async round(turns: number): Promise<void> {
    if (this.#failure !== undefined) return;
    try {
      this.#rounds.push(await runRound(this.#contestants, this.exercise.plan, turns));
    } catch (error) {
      this.#failure = error instanceof Error ? error.message : String(error);
      progress(`FAILED ${this.exercise.name}: ${this.#failure}`);
    }
  }

  get row(): Row {
    const { name, plan, goals, reference } = this.exercise;
    const turns = this.#rounds.flat();
    const single = plan.concurrency === 1;
    // Alone the typical latency counts, which a stall of the machine does not touch; ten at once the throughput.
    const speedOf = (role: Role): number =>
      median(
        turns.map((turn) => (single ? p50(turn, 'floor') / p50(turn, role) : perSecond(turn, role) / perSecond(turn, 'floor'))),
      );
    const of = {
      speed: speedOf('scim'),
      least: speedOf('least'),
      cpu: median(this.#rounds.map((round) => cpuOf(round, 'scim') / cpuOf(round, 'floor'))),
      flat: median(turns.map((turn) => p50(turn, 'scim') / p50(turn, 'reference'))),
    };
    const figures = Object.fromEntries(
      (['floor', 'scim', 'least', 'reference'] as const).flatMap((role) => {
        const found = figuresOf(this.#rounds, role);
        return found === undefined ? [] : [[role, found]];
      }),
    );
    return {
      name,
      turns: turns.length,
      speed: rounded(of.speed),
      cpu: rounded(of.cpu),
      flat: rounded(of.flat),
      least: rounded(of.least),
      reference: reference?.name ?? null,
      figures,
      verdicts: this.#failure === undefined ? verdictsOf(goals, of) : [{ goal: 'right answers', met: false }],
      failure: this.#failure ?? null,
    };
  }
}
