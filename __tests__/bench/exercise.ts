import type { Plan, Script } from './contest.js';
import type { Subject } from './subject.js';

/** Which limits of the table a row has to keep. */
export interface Goals {
  /** Speed, of the floor's: at least. */
  readonly speed?: number;
  /** CPU of server and Postgres per request, of the floor's: at most. */
  readonly cpu?: number;
  /** p50, of the reference's: at most. */
  readonly flat?: number;
}

/** One row of the table: what is done, by whom, and what is asked of it. */
export interface Exercise {
  readonly name: string;
  readonly plan: Plan;
  script(subject: Subject): Script;
  /** What SCIM's p50 is held against besides the floor's: the same where it is small. */
  readonly reference?: {
    readonly name: string;
    readonly subject: Subject;
    script(subject: Subject): Script;
  };
  readonly goals: Goals;
  /** Whether the least on the host's tables does it too. */
  readonly hasLeast?: boolean;
}

const SLICE_BUDGET_MS = 4_000;

/** Many short requests, one after the other or ten at once. */
export const inTurn = (concurrency: 1 | 10, requests = concurrency === 1 ? 60 : 300): Plan => ({
  concurrency,
  requests,
  warmUp: concurrency === 1 ? 40 : 200,
  budgetMs: SLICE_BUDGET_MS,
});

/** A few that are large. */
export const few = (requests: number, warmUp: number): Plan => ({
  concurrency: 1,
  requests,
  warmUp,
  budgetMs: 4 * SLICE_BUDGET_MS,
});

export const withLeast = (exercise: Exercise): Exercise => ({ ...exercise, hasLeast: true });
