import { writeFileSync } from 'node:fs';
import type { BulkResult } from './bulk-contest.js';
import type { Machine } from './machine.js';
import type { Memory } from './process-meter.js';
import type { Row } from './rows.js';
import { geometricMean, rounded } from './statistics.js';

export interface BenchResult {
  /** ISO 8601. */
  readonly when: string;
  readonly machine: Machine;
  readonly command: string;
  readonly seconds: number;
  readonly people: number;
  /** The floor against itself, to see the noise. */
  readonly control: boolean;
  readonly rows: readonly Row[];
  readonly bulk: BulkResult | null;
  /** Of the speeds of all rows. */
  readonly geometricMean: number | null;
  readonly memory: Readonly<Record<string, { readonly loaded: Memory; readonly end: Memory }>>;
  /** Wrong answers. */
  readonly faults: readonly string[];
}

export const meanSpeed = (rows: readonly Row[]): number | null =>
  rounded(geometricMean(rows.flatMap(({ speed }) => (speed === null ? [] : [speed]))));

export const fixed = (value: number | null | undefined, digits = 2): string =>
  value === null || value === undefined ? '-' : value.toFixed(digits);

const CPU_MS = 'node+pg';

const COLUMNS: readonly (readonly [string, (row: Row) => string])[] = [
  ['turns', (row) => String(row.turns)],
  ['speed', (row) => fixed(row.speed)],
  ['CPU', (row) => fixed(row.cpu)],
  ['flat', (row) => fixed(row.flat)],
  ['least', (row) => fixed(row.least)],
  ['p50', (row) => fixed(row.figures.scim?.p50)],
  ['p95', (row) => fixed(row.figures.scim?.p95)],
  [CPU_MS, (row) => `${fixed(row.figures.scim?.cpuNode)}+${fixed(row.figures.scim?.cpuPostgres)}`],
  ['floor p50', (row) => fixed(row.figures.floor?.p50)],
  ['floor p95', (row) => fixed(row.figures.floor?.p95)],
  [CPU_MS, (row) => `${fixed(row.figures.floor?.cpuNode)}+${fixed(row.figures.floor?.cpuPostgres)}`],
];

const verdictText = ({ verdicts, failure }: Row): string =>
  failure ?? verdicts.map(({ goal, met }) => `${met ? 'met' : 'MISSED'} ${goal}`).join(', ');

/** For a terminal. Speed and CPU are of the floor's, flat is of the reference's. */
export const tableOf = (rows: readonly Row[]): string => {
  const columns = COLUMNS.filter(([title]) => title !== 'least' || rows.some(({ least }) => least !== null));
  const width = Math.max(0, ...rows.map(({ name }) => name.length)) + 1;
  const cells = (texts: readonly string[]): string =>
    texts.map((text, index) => text.padStart(columns[index]?.[0] === CPU_MS ? 15 : 10)).join('');
  const head = `${''.padEnd(width)}${cells(columns.map(([title]) => title))}  goals`;
  return [
    head,
    ...rows.map((row) => `${row.name.padEnd(width)}${cells(columns.map(([, of]) => of(row)))}  ${verdictText(row)}`),
  ].join('\n');
};

export const summaryOf = (result: BenchResult): string => {
  const { bulk, rows, faults, memory } = result;
  const verdicts = rows.flatMap(({ verdicts }) => verdicts);
  return [
    ...(bulk === null
      ? []
      : [
          `Bulk of ${bulk.operations} creates: ${fixed(bulk.gain)} times as fast as one by one (${fixed(bulk.p50)} ms; ${fixed(bulk.p50Alone)} ms a create alone; CPU ${fixed(bulk.cpu)} and ${fixed(bulk.cpuAlone)} ms a create): ${bulk.met ? 'met' : 'MISSED'} ${bulk.goal}`,
        ]),
    ...Object.entries(memory).map(
      ([name, { loaded, end }]) =>
        `memory of ${name}: ${fixed(loaded.resident, 0)} MiB when loaded, ${fixed(end.resident, 0)} at the end, ${fixed(end.peak, 0)} at the peak`,
    ),
    `geometric mean of the speeds: ${fixed(result.geometricMean)}`,
    `${verdicts.filter(({ met }) => met).length} of ${verdicts.length} goals met`,
    ...faults.map((fault) => `WRONG ANSWER ${fault}`),
  ].join('\n');
};

export const writeResult = (file: string, result: object): void =>
  writeFileSync(file, `${JSON.stringify(result, undefined, 1)}\n`);
