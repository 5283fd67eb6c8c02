import { runSlice, type Script, type Slice } from './contest.js';
import { createPeople } from './people-exercises.js';
import { median, quantile, rounded, sum } from './statistics.js';
import { personBody, type Subject } from './subject.js';

const BULK_URN = 'urn:ietf:params:scim:api:messages:2.0:BulkRequest';
const GOAL = 5;
const BUDGET_MS = 30_000;
/** Creates one by one that stand for the thousand. */
const SAMPLE = 200;

export interface BulkResult {
  readonly operations: number;
  /** Times as fast as the same creates one after the other. */
  readonly gain: number | null;
  /** Milliseconds of the whole request. */
  readonly p50: number | null;
  /** Milliseconds of one create among them, alone. */
  readonly p50Alone: number | null;
  /** CPU milliseconds of server and Postgres per create. */
  readonly cpu: number | null;
  readonly cpuAlone: number | null;
  readonly goal: string;
  readonly met: boolean;
}

const bulkCreates =
  (operations: number) =>
  (subject: Subject): Script => ({
    status: 200,
    next: () => {
      const creates = Array.from({ length: operations }, (_, index) => ({
        method: 'POST',
        path: '/Users',
        bulkId: `create-${index}`,
        data: JSON.parse(personBody(subject.nextNumber())),
      }));
      return { method: 'POST', path: '/Bulk', body: JSON.stringify({ schemas: [BULK_URN], Operations: creates }) };
    },
    read: (answer) => {
      const made = answer.match(/"status":"201"/g)?.length ?? 0;
      if (made !== operations) throw new Error(`a bulk request of ${operations} creates made ${made}`);
    },
  });

/** Creates in one bulk request against the same one by one, ours against ours. */
export const runBulkContest = async (scim: Subject, operations: number, turns: number): Promise<BulkResult> => {
  const bulk = bulkCreates(operations)(scim);
  const alone = createPeople(scim);
  const plan = { concurrency: 1, budgetMs: BUDGET_MS };
  await runSlice(scim, bulk, { ...plan, requests: 1 });
  const pairs: { readonly bulk: Slice; readonly alone: Slice }[] = [];
  for (let turn = 0; turn < turns; turn += 1) {
    pairs.push({
      bulk: await runSlice(scim, bulk, { ...plan, requests: 1 }),
      alone: await runSlice(scim, alone, { ...plan, requests: SAMPLE }),
    });
  }
  const each = (slice: Slice, creates: number): number => (slice.cpuNode + slice.cpuPostgres) / creates;
  const gain = median(
    pairs.map((pair) => (sum(pair.alone.latencies) / pair.alone.latencies.length) * (operations / sum(pair.bulk.latencies))),
  );
  return {
    operations,
    gain: rounded(gain),
    p50: rounded(
      quantile(
        pairs.flatMap((pair) => pair.bulk.latencies),
        0.5,
      ),
    ),
    p50Alone: rounded(
      quantile(
        pairs.flatMap((pair) => pair.alone.latencies),
        0.5,
      ),
    ),
    cpu: rounded(median(pairs.map((pair) => each(pair.bulk, operations)))),
    cpuAlone: rounded(median(pairs.map((pair) => each(pair.alone, pair.alone.latencies.length)))),
    goal: `>= ${GOAL} times as fast as one by one`,
    met: gain >= GOAL,
  };
};
