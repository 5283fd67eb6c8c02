import type { HttpRequest } from './http-connection.js';
import { cpuBetween } from './process-meter.js';
import type { Subject } from './subject.js';

/** What one contestant does, request after request. */
export interface Script {
  readonly status: number;
  next(): HttpRequest;
  /** Takes a right answer; without it bodies are thrown away unread. `next` was called for the same request. */
  read?(answer: string, request: HttpRequest): void;
  /** Before and after each slice, outside of the time. */
  before?(): Promise<void>;
  after?(): Promise<void>;
}

export interface Plan {
  readonly concurrency: number;
  /** Of one slice. */
  readonly requests: number;
  /** Requests before the slices of a round, to bring a process that was idle back to its speed. */
  readonly warmUp: number;
  /** A slice ends early after this long. */
  readonly budgetMs: number;
}

/** A short run of one contestant; slices of contestants alternate. */
export interface Slice {
  readonly latencies: readonly number[];
  readonly wallMs: number;
  readonly cpuNode: number;
  readonly cpuPostgres: number;
}

export interface Contestant<Role extends string> {
  readonly role: Role;
  readonly subject: Subject;
  readonly script: Script;
}

export const runSlice = async (subject: Subject, script: Script, plan: Omit<Plan, 'warmUp'>): Promise<Slice> => {
  await script.before?.();
  const latencies: number[] = [];
  const cpuBefore = subject.readCpu();
  const start = performance.now();
  const deadline = start + plan.budgetMs;
  let begun = 0;
  const work = async (connection: (typeof subject.connections)[number]): Promise<void> => {
    while (begun < plan.requests && performance.now() < deadline) {
      begun += 1;
      const request = script.next();
      const sentAt = performance.now();
      const answer = await connection.send(request, script.read !== undefined);
      latencies.push(performance.now() - sentAt);
      if (answer.status !== script.status) {
        const text = answer.text.slice(0, 300);
        throw new Error(`${subject.name}: ${request.method} ${request.path.slice(0, 200)} gave ${answer.status} ${text}`);
      }
      script.read?.(answer.text, request);
    }
  };
  const ends = await Promise.allSettled(subject.connections.slice(0, plan.concurrency).map(work));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  const wallMs = performance.now() - start;
  const cpu = cpuBetween(cpuBefore, subject.readCpu());
  await script.after?.();
  return { latencies, wallMs, cpuNode: cpu.node, cpuPostgres: cpu.postgres };
};

/** One slice of everybody. */
export type Turn<Role extends string> = ReadonlyMap<Role, Slice>;

/** Slices of everybody, first in this order, then in the other, and so on: what drifts on the machine meets all alike. */
export const runRound = async <Role extends string>(
  contestants: readonly Contestant<Role>[],
  plan: Plan,
  turns: number,
): Promise<readonly Turn<Role>[]> => {
  for (const { subject, script } of contestants) {
    if (plan.warmUp > 0) await runSlice(subject, script, { ...plan, requests: plan.warmUp, budgetMs: plan.budgetMs / 2 });
  }
  const done: Turn<Role>[] = [];
  for (let turn = 0; turn < turns; turn += 1) {
    const order = turn % 2 === 0 ? contestants : [...contestants].reverse();
    const slices = new Map<Role, Slice>();
    for (const { role, subject, script } of order) slices.set(role, await runSlice(subject, script, plan));
    done.push(slices);
  }
  return done;
};
