import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PLACES } from './list-exercises.js';
import { LOOKUP_ATTRIBUTES } from './people-exercises.js';
import type { Role, Row } from './rows.js';
import { type ScaleResult, SERVER_NAMES } from './scale-result.js';
import { type Axis, type Chart, type Series, svgChart } from './svg-chart.js';

export const CHARTS_DIR = 'docs/performance';

const PEOPLE: Axis = { label: 'people', scale: 'log' };
const MEMBERS: Axis = { label: 'members of the group', scale: 'log' };
const P50: Axis = { label: 'p50, ms', scale: 'linear' };

const p50 = (row: Row | undefined, role: Role): number | null => row?.figures[role]?.p50 ?? null;

/** One row of every stage. */
const overPeople = ({ stages }: ScaleResult, row: string, role: Role, name: string): Series => ({
  name,
  dashed: role === 'floor',
  points: stages.flatMap(({ people, rows }) => {
    const value = p50(
      rows.find((candidate) => candidate.name === row),
      role,
    );
    return value === null ? [] : [[people, value] as const];
  }),
});

/** Rows of one operation that are named after the size of their group. */
const overMembers = (rows: readonly Row[], operation: RegExp, role: Role, name: string): Series => ({
  name,
  dashed: role === 'floor',
  points: rows.flatMap((row) => {
    const size = operation.exec(row.name)?.[1];
    const value = p50(row, role);
    return size === undefined || value === null ? [] : [[Number(size.replaceAll(',', '')), value] as const];
  }),
});

/** SCIM and the floor in one colour. */
const bothRoles = (rows: readonly Row[], operation: RegExp, name: string, colour: number): readonly Series[] =>
  (['scim', 'floor'] as const).map((role) => ({
    ...overMembers(rows, operation, role, role === 'floor' ? `${name}, floor` : name),
    colour,
  }));

/** The charts by the names of their files. */
export const chartsOf = (result: ScaleResult): Readonly<Record<string, Chart>> => {
  const { sync, groupRows } = result;
  const members = result.stages.at(-1)?.rows ?? [];
  return {
    'pages.svg': {
      title: 'A page of 100 people',
      x: PEOPLE,
      y: P50,
      series: [
        ...(['index', 'cursor'] as const).flatMap((by) =>
          PLACES.map((place) => overPeople(result, `${place} page by ${by}`, 'scim', `${place}, by ${by}`)),
        ),
        { ...overPeople(result, 'first page by index', 'floor', 'first, by index, floor'), colour: 0 },
        { ...overPeople(result, 'last page by index', 'floor', 'last, by index, floor'), colour: 2 },
      ],
    },
    'filters.svg': {
      title: 'A search for one person or group',
      x: PEOPLE,
      y: P50,
      series: [
        ...LOOKUP_ATTRIBUTES.map((attribute) => overPeople(result, `look up people by ${attribute}`, 'scim', attribute)),
        overPeople(result, 'look up groups by displayName', 'scim', 'displayName of groups'),
        { ...overPeople(result, 'look up people by userName', 'floor', 'userName, floor'), colour: 0 },
      ],
    },
    'members.svg': {
      title: 'One member more, one less',
      x: MEMBERS,
      y: P50,
      series: [
        ...bothRoles(members, /^add one member to ([\d,]+)$/, 'add', 0),
        ...bothRoles(members, /^remove one member from ([\d,]+)$/, 'remove', 1),
      ],
    },
    'large-groups.svg': {
      title: 'Whole groups',
      x: MEMBERS,
      y: { ...P50, scale: 'log' },
      series: [
        ...bothRoles(groupRows, /^add ([\d,]+) members/, 'add all in one PATCH', 0),
        ...bothRoles(groupRows, /^replace ([\d,]+) members/, 'replace, 10 change', 1),
        ...bothRoles(groupRows, /^get a group of ([\d,]+)$/, 'get', 2),
      ],
    },
    'first-sync.svg': {
      title: 'First sync, 10 at once',
      x: { label: 'people so far', scale: 'linear' },
      y: { label: 'people per second', scale: 'linear' },
      series: (['scim', 'floor', 'least'] as const).map((server) => ({
        name: SERVER_NAMES[server],
        dashed: server !== 'scim',
        points: sync.tenths.map((tenth) => [tenth.people, tenth[server].perSecond] as const),
      })),
    },
  };
};

export const writeCharts = (result: ScaleResult, folder = CHARTS_DIR): void => {
  mkdirSync(folder, { recursive: true });
  for (const [name, chart] of Object.entries(chartsOf(result))) writeFileSync(join(folder, name), svgChart(chart));
};
