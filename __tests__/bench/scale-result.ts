import { fixed, tableOf } from './bench-result.js';
import type { ProbeReport } from './flag-probe.js';
import type { Machine } from './machine.js';
import type { Memory } from './process-meter.js';
import type { Row, Verdict } from './rows.js';

export const SERVERS = ['floor', 'least', 'scim'] as const;
/** What there is of each server of the first sync. */
export type Servers<Value> = Readonly<Record<(typeof SERVERS)[number], Value>>;

export const SERVER_NAMES: Servers<string> = { floor: 'the floor', least: 'the least', scim: 'unleash-scim' };

export const byServer = <Value>(of: (server: (typeof SERVERS)[number]) => Value): Servers<Value> => ({
  floor: of('floor'),
  least: of('least'),
  scim: of('scim'),
});

/** What one server took for a part of the first sync. */
export interface SyncPart {
  readonly seconds: number;
  readonly perSecond: number;
  readonly p50: number | null;
  readonly p95: number | null;
  /** CPU milliseconds of server and Postgres per request. */
  readonly cpu: number | null;
}

export interface Tenth extends Servers<SyncPart> {
  /** People there at its end. */
  readonly people: number;
}

export interface SyncResult {
  readonly tenths: readonly Tenth[];
  readonly groups: {
    readonly count: number;
    readonly members: number;
    readonly seconds: Servers<number>;
  };
  readonly seconds: Servers<number>;
  /** Time of the whole, of the floor's. */
  readonly time: number | null;
  /** The same of the least on the host's tables. */
  readonly timeOfLeast: number | null;
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
  readonly memory: Servers<Memory> | null;
  readonly flags: Servers<ProbeReport>;
  readonly verdicts: readonly Verdict[];
  readonly faults: readonly string[];
}

const flagsLine = (name: string, report: ProbeReport): string =>
  `flag API of ${name}: ${Object.entries(report)
    .map(([phase, { p50, p99, requests }]) => `${phase} p50 ${fixed(p50)} p99 ${fixed(p99)} (${requests})`)
    .join('; ')}`;

const eachServer = (text: (server: (typeof SERVERS)[number]) => string): string => SERVERS.map(text).join(', ');

const partText = ({ perSecond, p50, cpu }: SyncPart): string => `${fixed(perSecond, 0)} (${fixed(p50)} ms, CPU ${fixed(cpu)})`;

export const scaleSummary = (result: ScaleResult): string => {
  const { sync, memory, flags, stages, groupRows, verdicts, faults } = result;
  const all = [...stages.flatMap(({ rows }) => rows), ...groupRows].flatMap((row) => row.verdicts).concat(verdicts);
  return [
    ...stages.flatMap(({ people, rows }) => [`With ${people.toLocaleString('en')} people`, tableOf(rows), '']),
    'Large groups',
    tableOf(groupRows),
    '',
    `First sync, people per second and p50: ${eachServer((server) => SERVER_NAMES[server])}`,
    ...sync.tenths.map((tenth) => `  to ${String(tenth.people).padStart(7)}: ${eachServer((server) => partText(tenth[server]))}`),
    `  ${sync.groups.count} groups with ${sync.groups.members} members: ${eachServer((server) => `${fixed(sync.groups.seconds[server], 1)} s`)}`,
    `  in all ${eachServer((server) => `${fixed(sync.seconds[server], 1)} s`)}: ${fixed(sync.time)} of the floor's time, the least ${fixed(sync.timeOfLeast)}; the last tenth ${fixed(sync.lastTenth)} as fast as the first`,
    ...(memory === null ? [] : [`memory at its end: ${eachServer((server) => `${fixed(memory[server].resident, 0)} MiB`)}`]),
    ...SERVERS.map((server) => flagsLine(SERVER_NAMES[server], flags[server])),
    ...verdicts.map(({ goal, met }) => `${met ? 'met' : 'MISSED'} ${goal}`),
    `${all.filter(({ met }) => met).length} of ${all.length} goals met`,
    ...faults.map((fault) => `WRONG ANSWER ${fault}`),
  ].join('\n');
};
