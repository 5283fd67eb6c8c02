import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type BenchResult, fixed } from './bench-result.js';
import type { Machine } from './machine.js';
import type { Row, Verdict } from './rows.js';
import { type ScaleResult, SERVER_NAMES, SERVERS } from './scale-result.js';
import { profileTable } from './statement-profile.js';
import { type StatementResult, statementsTable } from './statement-result.js';

const PAGE = 'docs/performance.md';
export const BENCH_FILE = 'docs/performance/bench.json';
export const CONTROL_FILE = 'docs/performance/control.json';
export const SCALE_FILE = 'docs/performance/scale.json';
export const STATEMENTS_FILE = 'docs/performance/statements.json';
/** A result of `npm run bench` from before the work on speed. */
const BEFORE_FILE = 'docs/performance/before.json';

const read = <Result>(file: string): Result | undefined =>
  existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Result) : undefined;

const count = (value: number): string => value.toLocaleString('en');

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map((_, index) => (index === 0 ? '---' : '---:')), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const machineText = ({ cores, processor, memoryGiB, system, node, postgres }: Machine): string =>
  `${cores} cores (${processor}), ${memoryGiB} GiB, ${system}, Node ${node}, PostgreSQL ${postgres}`;

const runText = (result: {
  readonly when: string;
  readonly command: string;
  readonly seconds: number;
  readonly machine: Machine;
}): string => `\`${result.command}\`, ${result.when.slice(0, 10)}, ${count(result.seconds)} s. ${machineText(result.machine)}.`;

const verdictText = (verdicts: readonly Verdict[]): string =>
  verdicts.length === 0 ? '' : verdicts.map(({ goal, met }) => (met ? goal : `**missed** ${goal}`)).join(', ');

const cpuText = (row: Row, role: 'scim' | 'floor'): string => {
  const { cpuNode, cpuPostgres } = row.figures[role] ?? {};
  return `${fixed(cpuNode)} + ${fixed(cpuPostgres)}`;
};

const rowsTable = (rows: readonly Row[], before?: readonly Row[]): string => {
  const hasLeast = rows.some(({ least }) => typeof least === 'number');
  return table(
    [
      'operation',
      'speed',
      ...(hasLeast ? ['the least'] : []),
      ...(before ? ['before'] : []),
      'CPU',
      'flat',
      'p50',
      'p95',
      'floor p50',
      'CPU ms',
      'floor CPU ms',
      'goals',
    ],
    rows.map((row) => [
      row.name,
      fixed(row.speed),
      ...(hasLeast ? [fixed(row.least)] : []),
      ...(before ? [fixed(before.find(({ name }) => name === row.name)?.speed)] : []),
      fixed(row.cpu),
      fixed(row.flat),
      fixed(row.figures.scim?.p50),
      fixed(row.figures.scim?.p95),
      fixed(row.figures.floor?.p50),
      cpuText(row, 'scim'),
      cpuText(row, 'floor'),
      verdictText(row.verdicts),
    ]),
  );
};

const benchBlock = (result: BenchResult, before: BenchResult | undefined): string => {
  const { rows, bulk, people, memory, geometricMean } = result;
  const mean = `Geometric mean of the speeds: **${fixed(geometricMean)}**${before ? ` (before: ${fixed(before.geometricMean)}, with ${count(before.people)} people)` : ''}.`;
  return [
    runText(result),
    `${count(people)} people.`,
    '',
    rowsTable(rows, before?.rows),
    '',
    mean,
    ...(bulk === null
      ? []
      : [
          '',
          `Bulk of ${count(bulk.operations)} creates: **${fixed(bulk.gain, 1)}** times as fast as the same one by one (${fixed(bulk.p50, 0)} ms against ${fixed(bulk.p50Alone)} ms each; CPU ${fixed(bulk.cpu)} against ${fixed(bulk.cpuAlone)} ms a create). Goal: ${bulk.goal}.`,
        ]),
    '',
    table(
      ['resident memory, MiB', 'when loaded', 'at the end', 'at its peak'],
      Object.entries(memory).map(([name, { loaded, end }]) => [
        name,
        fixed(loaded.resident, 0),
        fixed(end.resident, 0),
        fixed(end.peak, 0),
      ]),
    ),
  ].join('\n');
};

const controlBlock = (result: BenchResult): string => {
  const speeds = result.rows.flatMap(({ speed }) => (speed === null ? [] : [speed]));
  const cpus = result.rows.flatMap(({ cpu }) => (cpu === null ? [] : [cpu]));
  const range = (values: readonly number[]): string => `${fixed(Math.min(...values))} to ${fixed(Math.max(...values))}`;
  return [
    runText(result),
    '',
    `The floor against itself: speed ${range(speeds)}, CPU ${range(cpus)}, geometric mean ${fixed(result.geometricMean)}.`,
  ].join('\n');
};

const memoryText = (memory: ScaleResult['memory']): string =>
  memory === null
    ? ''
    : ` Resident memory at its end: ${SERVERS.map((server) => `${SERVER_NAMES[server]} ${fixed(memory[server].resident, 0)} MiB`).join(', ')}.`;

const syncText = ({ sync, memory, flags, verdicts }: ScaleResult): string =>
  [
    table(
      ['people', ...SERVERS.flatMap((server) => [`${SERVER_NAMES[server]}, per second`, 'p50', 'CPU ms'])],
      sync.tenths.map((tenth) => [
        count(tenth.people),
        ...SERVERS.flatMap((server) => {
          const { perSecond, p50, cpu } = tenth[server];
          return [fixed(perSecond, 0), fixed(p50), fixed(cpu)];
        }),
      ]),
    ),
    '',
    table(
      ['seconds', ...SERVERS.map((server) => SERVER_NAMES[server])],
      [
        [
          `${count(sync.groups.count)} groups with ${count(sync.groups.members)} members`,
          ...SERVERS.map((server) => fixed(sync.groups.seconds[server], 1)),
        ],
        ['in all', ...SERVERS.map((server) => fixed(sync.seconds[server], 1))],
      ],
    ),
    '',
    `**${fixed(sync.time)}** of the floor's time; the least takes **${fixed(sync.timeOfLeast)}** of it. The last tenth is **${fixed(sync.lastTenth)}** as fast as the first.${memoryText(memory)}`,
    '',
    table(
      ['flag API of the host', 'requests', 'p50', 'p99'],
      SERVERS.flatMap((server) =>
        Object.entries(flags[server]).map(([phase, { requests, p50, p99 }]) => [
          `with ${SERVER_NAMES[server]}, ${phase === 'rest' ? 'at rest' : `during the ${phase}`}`,
          count(requests),
          fixed(p50),
          fixed(p99),
        ]),
      ),
    ),
    '',
    `Goals: ${verdictText(verdicts)}.`,
  ].join('\n');

const scaleBlock = (result: ScaleResult): string =>
  [
    runText(result),
    '',
    '### First sync',
    '',
    syncText(result),
    ...result.stages.flatMap(({ people, rows }) => ['', `### With ${count(people)} people`, '', rowsTable(rows)]),
    '',
    '### Large groups',
    '',
    rowsTable(result.groupRows),
  ].join('\n');

const fill = (page: string, block: string, text: string): string => {
  const [begin, end] = [`<!-- begin ${block} -->`, `<!-- end ${block} -->`];
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${PAGE} has no place for ${block}`);
  return `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`;
};

/** Writes the figures of docs/performance/*.json into the page, between its marks. */
export const writePage = (): void => {
  const [bench, before, control, scale] = [
    read<BenchResult>(BENCH_FILE),
    read<BenchResult>(BEFORE_FILE),
    read<BenchResult>(CONTROL_FILE),
    read<ScaleResult>(SCALE_FILE),
  ];
  let page = readFileSync(PAGE, 'utf8');
  const shown = bench ?? before;
  if (shown !== undefined) page = fill(page, 'bench', benchBlock(shown, bench && before));
  if (control !== undefined) page = fill(page, 'control', controlBlock(control));
  if (scale !== undefined) page = fill(page, 'scale', scaleBlock(scale));
  const statements = read<StatementResult>(STATEMENTS_FILE);
  if (statements !== undefined) {
    page = fill(
      page,
      'statements',
      [runText(statements), '', statementsTable(statements.rows), '', profileTable(statements.profile)].join('\n'),
    );
  }
  writeFileSync(PAGE, page);
};
