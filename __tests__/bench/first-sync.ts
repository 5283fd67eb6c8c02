import { runSlice, type Script, type Slice } from './contest.js';
import type { FlagProbe } from './flag-probe.js';
import { addMembersTo, idsOf, MEMBERS_AT_ONCE } from './group-exercises.js';
import type { HttpRequest } from './http-connection.js';
import { createPeople } from './people-exercises.js';
import { progress } from './progress.js';
import { byServer, SERVERS, type Servers, type SyncPart, type SyncResult, type Tenth } from './scale-result.js';
import { quantile, rounded, sum } from './statistics.js';
import { createGroup, type Subject } from './subject.js';

export interface Probed {
  readonly subject: Subject;
  readonly probe: FlagProbe;
}

/** Turning order: each of them is once the first. */
const rotated = <Item>(items: readonly Item[], turn: number): readonly Item[] =>
  items.map((_, index) => items[(index + turn) % items.length]).filter((item) => item !== undefined);

const TENTHS = 10;
const AT_ONCE = 10;
/** Largest of the groups of a first sync. */
const LARGEST = 50_000;

/** Runs one server's part, while the probes tell whose turn it is. */
const inTurnOf = async (
  who: Probed,
  others: readonly Probed[],
  script: Script,
  requests: number,
  budgetMs: number,
): Promise<Slice> => {
  who.probe.during('sync');
  for (const { probe } of others) probe.during('sync of the other');
  try {
    return await runSlice(who.subject, script, { concurrency: AT_ONCE, requests, budgetMs });
  } finally {
    for (const { probe } of [who, ...others]) probe.during(undefined);
  }
};

const partOf = (slices: readonly Slice[]): SyncPart => {
  const latencies = slices.flatMap((slice) => slice.latencies);
  const seconds = sum(slices.map(({ wallMs }) => wallMs)) / 1000;
  return {
    seconds,
    perSecond: latencies.length / seconds,
    p50: rounded(quantile(latencies, 0.5)),
    p95: rounded(quantile(latencies, 0.95)),
    cpu: rounded(sum(slices.map(({ cpuNode, cpuPostgres }) => cpuNode + cpuPostgres)) / latencies.length),
  };
};

interface Stops {
  /** Numbers of people at which something else is measured. */
  readonly at: readonly number[];
  stop(people: number): Promise<void>;
}

/** Everybody is created, ten at once, a tenth in one server after the other. */
export const syncPeople = async (
  servers: Servers<Probed>,
  people: number,
  budgetMs: number,
  stops: Stops,
): Promise<readonly Tenth[]> => {
  const all = SERVERS.map((server) => servers[server]);
  const scripts = new Map(all.map((who) => [who, createPeople(who.subject)]));
  const tenths: Tenth[] = [];
  for (let tenth = 1; tenth <= TENTHS; tenth += 1) {
    const target = Math.ceil((people * tenth) / TENTHS);
    const slices = new Map<Probed, Slice[]>();
    const marks = [...stops.at.filter((stop) => stop < target && stop > (people * (tenth - 1)) / TENTHS), target];
    for (const mark of marks) {
      for (const who of rotated(all, tenth)) {
        const script = scripts.get(who);
        const missing = mark - who.subject.people.length;
        if (script === undefined || missing <= 0) continue;
        const others = all.filter((other) => other !== who);
        const slice = await inTurnOf(who, others, script, missing, budgetMs / TENTHS);
        if (who.subject.people.length < mark) throw new Error(`${who.subject.name} did not create ${mark} people in time`);
        slices.set(who, [...(slices.get(who) ?? []), slice]);
      }
      if (stops.at.includes(mark)) await stops.stop(mark);
    }
    tenths.push({ people: target, ...byServer((server) => partOf(slices.get(servers[server]) ?? [])) });
    progress(`first sync: ${target} people`);
  }
  return tenths;
};

/** Sizes by a power law, as companies have them: one of the largest size, most of one or two; the order is mixed, but the same each time. */
export const groupSizes = (count: number, people: number): readonly number[] => {
  const largest = Math.min(LARGEST, people);
  const exponent = Math.log(largest) / Math.log(Math.max(2, count));
  const sizes = Array.from({ length: count }, (_, index) => Math.max(1, Math.round(largest / (index + 1) ** exponent)));
  // A step without a common divisor visits every place once.
  const step = [607, 611, 613].find((candidate) => count % candidate !== 0) ?? 1;
  return sizes.map((_, index) => sizes[(index * step) % count] ?? 1);
};

/** Each group is created, then gets its members, a thousand in each PATCH; a request of a group waits for the one before. */
const syncGroups = async (subject: Subject, sizes: readonly number[], deadline: number): Promise<void> => {
  let next = 0;
  await Promise.all(
    subject.connections.slice(0, AT_ONCE).map(async (connection) => {
      const expect = async (status: number, request: HttpRequest): Promise<string> => {
        const answer = await connection.send(request, true);
        if (answer.status !== status) throw new Error(`${subject.name}: ${request.method} ${request.path} gave ${answer.status}`);
        return answer.text;
      };
      for (let index = next++; index < sizes.length; index = next++) {
        if (performance.now() > deadline) throw new Error(`${subject.name} did not create its groups in time`);
        const size = sizes[index] ?? 0;
        // Another start for each, so that people are in different groups.
        const first = (index * 7919) % (subject.people.length - size + 1);
        const id = /"id":"([^"]+)"/.exec(await expect(201, createGroup(subject.nextGroupName())))?.[1] ?? '';
        for (let from = 0; from < size; from += MEMBERS_AT_ONCE) {
          const ids = idsOf(subject, first + from, first + Math.min(size, from + MEMBERS_AT_ONCE));
          await expect(204, addMembersTo(id, ids));
        }
      }
    }),
  );
};

/** The groups of a first sync, a tenth in one server after the other. @returns their time. */
export const syncAllGroups = async (
  servers: Servers<Probed>,
  sizes: readonly number[],
  budgetMs: number,
): Promise<SyncResult['groups']> => {
  const all = SERVERS.map((server) => servers[server]);
  const spent = new Map<Probed, number>();
  const share = Math.ceil(sizes.length / TENTHS);
  const deadline = performance.now() + budgetMs;
  for (let from = 0; from < sizes.length; from += share) {
    for (const who of rotated(all, from / share)) {
      for (const { probe } of all) probe.during('sync of the other');
      who.probe.during('sync');
      const start = performance.now();
      await syncGroups(who.subject, sizes.slice(from, from + share), deadline);
      spent.set(who, (spent.get(who) ?? 0) + performance.now() - start);
      for (const { probe } of all) probe.during(undefined);
    }
    progress(`first sync: ${Math.min(sizes.length, from + share)} of ${sizes.length} groups`);
  }
  return {
    count: sizes.length,
    members: sum(sizes),
    seconds: byServer((server) => (spent.get(servers[server]) ?? 0) / 1000),
  };
};
