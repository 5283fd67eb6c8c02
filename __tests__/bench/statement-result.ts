import { writeFileSync } from 'node:fs';
import { fixed } from './bench-result.js';
import type { Machine } from './machine.js';
import type { ProfilePart } from './statement-profile.js';

/** Microseconds of a backend's CPU for one call. */
export interface StatementCosts {
  readonly name: string;
  /** The floor's statement, on tables of its own. */
  readonly floor: number | null;
  /** The least that writes what Unleash itself would write, on the host's tables. */
  readonly host: number | null;
  readonly scim: number | null;
}

export interface StatementResult {
  /** ISO 8601. */
  readonly when: string;
  readonly machine: Machine;
  readonly command: string;
  readonly seconds: number;
  readonly rows: readonly StatementCosts[];
  /** Where the time of ours goes. */
  readonly profile: readonly ProfilePart[];
}

const ratio = (above: number | null, below: number | null): string =>
  fixed(above === null || below === null ? null : above / below);

/** As Markdown, which reads well in a terminal too. */
export const statementsTable = (rows: readonly StatementCosts[]): string =>
  [
    '| microseconds of Postgres | floor | least on the host’s tables | unleash-scim | least / floor | unleash-scim / least |',
    '| --- | ---: | ---: | ---: | ---: | ---: |',
    ...rows.map(
      ({ name, floor, host, scim }) =>
        `| ${name} | ${fixed(floor, 0)} | ${fixed(host, 0)} | ${fixed(scim, 0)} | ${ratio(host, floor)} | ${ratio(scim, host)} |`,
    ),
  ].join('\n');

export const writeStatements = (file: string, result: StatementResult): void =>
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
