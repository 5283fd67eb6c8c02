import { fixed, tableOf } from './bench-result.js';
import type { ProbeReport } from './flag-probe.js';
import type { Machine } from './machine.js';
import type { Memory } from './process-meter.js';
import type { Row, Verdict } from './rows.js';

/** What one server took for a part of the first sync. */
export interface SyncPart {
  readonly seconds: number;
  readonly perSecond: number;
  readonly p50: number | null;
  readonly p95: number | null;
  /** CPU milliseconds of server and Postgres per request. */
  readonly cpu: number | null;
}

export interface Tenth {
  /** People there at its end. */
  readonly people: number;
  readonly floor: SyncPart;
  readonly scim: SyncPart;
}

export interface SyncResult {
  readonly tenths: readonly Tenth[];
  readonly groups: {
    readonly count: number;
    readonly members: number;
    readonly floorSeconds: number;
    readonly scimSeconds: number;
  };
  readonly floorSeconds: number;
  readonly scimSeconds: number;
  /** Time of the whole, of the floor's. */
  readonly time: number | null;
  /** People per second in the last tenth, of those in the first. */
  readonly lastTenth: number | null;
}

/** Everything that was measured with so many people. */
export interface Stage {
  readonly people: number;
  readonly rows: readonly Row[];
}

export interface ScaleResult {
  /** ISO 8601. */
  readonly when: string;
  readonly machine: Machine;
  readonly command: string;
  readonly seconds: number;
  readonly people: number;
  readonly stages: readonly Stage[];
  /** Large groups, with all people there. */
  readonly groupRows: readonly Row[];
  readonly sync: SyncResult;
  /** At the end of the first sync. */
  readonly memory: { readonly floor: Memory; readonly scim: Memory } | null;
  readonly flags: { readonly floor: ProbeReport; readonly scim: ProbeReport };
  readonly verdicts: readonly Verdict[];
  readonly faults: readonly string[];
}

const flagsLine = (name: string, report: ProbeReport): string =>
  `flag API of ${name}: ${Object.entries(report)
    .map(([phase, { p50, p99, requests }]) => `${phase} p50 ${fixed(p50)} p99 ${fixed(p99)} (${requests})`)
    .join('; ')}`;

export const scaleSummary = (result: ScaleResult): string => {
  const { sync, memory, flags, stages, groupRows, verdicts, faults } = result;
  const all = [...stages.flatMap(({ rows }) => rows), ...groupRows].flatMap((row) => row.verdicts).concat(verdicts);
  return [
    ...stages.flatMap(({ people, rows }) => [`With ${people.toLocaleString('en')} people`, tableOf(rows), '']),
    'Large groups',
    tableOf(groupRows),
    '',
    'First sync, people per second and p50, floor and SCIM',
    ...sync.tenths.map(
      ({ people, floor, scim }) =>
        `  to ${String(people).padStart(7)}: ${fixed(floor.perSecond, 0)} (${fixed(floor.p50)} ms, CPU ${fixed(floor.cpu)}), ${fixed(scim.perSecond, 0)} (${fixed(scim.p50)} ms, CPU ${fixed(scim.cpu)})`,
    ),
    `  ${sync.groups.count} groups with ${sync.groups.members} members: ${fixed(sync.groups.floorSeconds, 1)} s, ${fixed(sync.groups.scimSeconds, 1)} s`,
    `  in all ${fixed(sync.floorSeconds, 1)} s, ${fixed(sync.scimSeconds, 1)} s: ${fixed(sync.time)} of the floor's time; the last tenth ${fixed(sync.lastTenth)} as fast as the first`,
    ...(memory === null
      ? []
      : [`memory at its end: floor ${fixed(memory.floor.resident, 0)} MiB, SCIM ${fixed(memory.scim.resident, 0)} MiB`]),
    flagsLine('the floor', flags.floor),
    flagsLine('SCIM', flags.scim),
    ...verdicts.map(({ goal, met }) => `${met ? 'met' : 'MISSED'} ${goal}`),
    `${all.filter(({ met }) => met).length} of ${all.length} goals met`,
    ...faults.map((fault) => `WRONG ANSWER ${fault}`),
  ].join('\n');
};
