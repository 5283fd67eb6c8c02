import { equalValues } from '../../lib/protocol/document.js';
import { FILTER_DISAGREEMENTS, type Side } from './peer-disagreements.js';
import { PATCH_DISAGREEMENTS } from './peer-patch-disagreements.js';
import type { FilterPeer, Outcome, Verdict } from './peers.js';

/** What two outcomes leave, as far as they differ, each as JSON. */
export const difference = (ours: Outcome, theirs: Outcome): readonly [string, string] => {
  const shown = (outcome: Outcome, other: Outcome): string => {
    if (outcome === 'refused') return 'refused';
    const differing = Object.entries(outcome).filter(([name, value]) => other === 'refused' || !equalValues(value, other[name]));
    return JSON.stringify(Object.fromEntries(differing));
  };
  return [shown(ours, theirs), shown(theirs, ours)];
};

const code = (text: string): string => `\`${text.replaceAll('|', '\\|')}\``;
const cell = (text: string): string => text.replaceAll('|', '\\|');
const rows = (cells: readonly (readonly string[])[]): string => cells.map((row) => `| ${row.join(' | ')} |`).join('\n');

const saysFor = (side: Side): string => (side === 'ours' ? 'us' : 'the peer');
const heading = (cause: string, section: string, side: Side, because: string): string =>
  `### ${cause}\n\n${because}\n\nDecides: ${section}; it speaks for ${saysFor(side)}.\n`;

const theirsOf = (
  peer: FilterPeer,
  example: { readonly ours: Verdict; readonly theirs: Partial<Record<FilterPeer, Verdict>> },
): string => {
  const verdict = example.theirs[peer];
  return verdict === undefined ? 'the same' : verdict;
};

const filterSections = (): readonly string[] =>
  FILTER_DISAGREEMENTS.map(({ cause, section, side, because, examples }) => {
    const table = [
      ['filter', 'here', 'scim2-parse-filter', 'SCIMMY'],
      ['---', '---', '---', '---'],
      ...examples.map((example) => [
        code(example.filter),
        example.ours,
        theirsOf('scim2-parse-filter', example),
        theirsOf('scimmy', example),
      ]),
    ];
    return `${heading(cause, section, side, cell(because))}\n${rows(table)}\n`;
  });

const patchSections = (): readonly string[] =>
  PATCH_DISAGREEMENTS.map(({ cause, peers, section, side, because, example, ours, theirs }) => {
    const names = peers.map((peer) => (peer === 'scimmy' ? 'SCIMMY' : peer)).join(', ');
    const table = [
      ['', ''],
      ['---', '---'],
      ['before', code(JSON.stringify(example.document))],
      ['operation', code(JSON.stringify(example.operation))],
      ['here', code(ours)],
      [names, code(theirs)],
    ];
    return `${heading(cause, section, side, cell(because))}\n${rows(table)}\n`;
  });

/** docs/peers.md. */
export const peersPage = (versions: Readonly<Record<string, string>>): string => {
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    '# Where other SCIM libraries differ',
    '',
    `The tests put the same filters and PATCH operations, hand-picked and generated, through this implementation and through ${named.join(', ')}.`,
    'These are all the causes for which a result differs; any other difference fails the test. The page is written from the',
    'tables beside the test (`UPDATE_DOCS=1 npm test -- peers`).',
    '',
    'Where the section speaks for the peer, this implementation departs from its letter on purpose, for the reason given.',
    '',
    '## Filters',
    '',
    ...filterSections(),
    '## PATCH',
    '',
    ...patchSections(),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n');
};
