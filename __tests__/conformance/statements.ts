import { COMMON } from './statements/rfc7643-common.js';
import { DISCOVERY } from './statements/rfc7643-discovery.js';
import { RESOURCES } from './statements/rfc7643-resources.js';
import { VALUES } from './statements/rfc7643-values.js';
import { DELETE_AND_BULK } from './statements/rfc7644-delete-and-bulk.js';
import { FILTERS } from './statements/rfc7644-filters.js';
import { GENERAL } from './statements/rfc7644-general.js';
import { LISTS } from './statements/rfc7644-lists.js';
import { PATCH } from './statements/rfc7644-patch.js';
import { PROTOCOL } from './statements/rfc7644-protocol.js';
import { REPLACE } from './statements/rfc7644-replace.js';
import { SECURITY } from './statements/rfc7644-security.js';
import { CURSORS } from './statements/rfc9865.js';
import type { Statement } from './statements/statement.js';

const sectionNumbers = ({ section }: Statement): readonly number[] => section.split('.').map(Number);

/** By section: 3.4.2 before 3.4.2.1 before 3.10. */
const inOrder = (statements: readonly Statement[]): readonly Statement[] =>
  [...statements].sort((a, b) => {
    const [left, right] = [sectionNumbers(a), sectionNumbers(b)];
    const at = left.findIndex((number, index) => number !== right[index]);
    if (at < 0) return left.length - right.length || a.id.localeCompare(b.id);
    return (left[at] ?? -1) - (right[at] ?? -1);
  });

/** Every normative statement of the RFCs that concerns a service provider, in the order of their sections. */
export const RFCS: readonly { readonly title: string; readonly statements: readonly Statement[] }[] = [
  { title: 'RFC 7643: Core Schema', statements: [...VALUES, ...COMMON, ...RESOURCES, ...DISCOVERY] },
  {
    title: 'RFC 7644: Protocol',
    statements: inOrder([...GENERAL, ...LISTS, ...FILTERS, ...REPLACE, ...PATCH, ...DELETE_AND_BULK, ...PROTOCOL, ...SECURITY]),
  },
  { title: 'RFC 9865: Cursor-Based Pagination', statements: CURSORS },
];

export const STATEMENTS: readonly Statement[] = RFCS.flatMap(({ statements }) => statements);

const row = (...cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(...head), row(...head.map(() => '---')), ...rows.map((cells) => row(...cells))].join('\n');

const count = (statements: readonly Statement[], status: Statement['status']): number =>
  statements.filter((statement) => statement.status === status).length;

const summary = (): string =>
  table(
    ['', 'statements', 'met', 'deviations', 'not applicable'],
    [...RFCS, { title: 'All', statements: STATEMENTS }].map(({ title, statements }) => [
      title,
      String(statements.length),
      String(count(statements, 'met')),
      String(count(statements, 'deviation')),
      String(count(statements, 'not applicable')),
    ]),
  );

const isOption = ({ level }: Statement): boolean => level === 'MAY';

const differences = (options: boolean): string =>
  table(
    ['Statement', 'Level', 'What the RFC says', 'What we do, and why'],
    STATEMENTS.filter((statement) => statement.status === 'deviation' && isOption(statement) === options).map(
      ({ id, level, statement, ours }) => [id, level, statement, ours],
    ),
  );

const details = (): string =>
  RFCS.map(
    ({ title, statements }) =>
      `## ${title}\n\n${table(
        ['Statement', 'Level', 'What the RFC says', '', 'What we do', 'Test'],
        statements.map(({ id, level, statement, status, ours, test }) => [id, level, statement, status, ours, test ?? '']),
      )}`,
  ).join('\n\n');

/** The whole of `docs/conformance.md`. */
export const renderConformance = (): string => `# Conformance

What RFC 7643, RFC 7644 and RFC 9865 ask of a service provider, statement by statement, and what unleash-scim does.

The statements are in our words; the RFCs are the authority. SHALL and REQUIRED are counted as MUST, RECOMMENDED as SHOULD, OPTIONAL
as MAY. What the RFCs ask of clients, of administrators and of authors of schemas is left out. A statement is "met" only if a test
shows it, over HTTP against a real Unleash: the last column names it, in \`__tests__/conformance/\`. A MAY that we use in another way,
or not at all, counts as a deviation too, so that nobody has to guess; such options have a table of their own.

This page is made from \`__tests__/conformance/statements.ts\`, and a test compares the two. After a change of the statements run the
tests with \`UPDATE_DOCS=1\`.

${summary()}

## Deviations

${differences(false)}

## Options that are not used, or in another way

${differences(true)}

${details()}
`;
