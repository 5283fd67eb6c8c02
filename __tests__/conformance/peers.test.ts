import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { equalValues } from '../../lib/protocol/document.js';
import { runs } from '../support/property-runs.js';
import {
  FILTERS,
  type FilterCase,
  flatFilterCase,
  nestedFilterCase,
  type PatchCase,
  PERSON,
  patchCase,
  textOf,
} from './peer-cases.js';
import { FILTER_DISAGREEMENTS } from './peer-disagreements.js';
import { PATCH_DISAGREEMENTS } from './peer-patch-disagreements.js';
import { type FilterPeer, type Outcome, ourOutcome, ourVerdict, type PatchPeer, peerOutcome, peerVerdict } from './peers.js';
import { difference, peersPage } from './peers-page.js';

const FILTER_PEERS: readonly FilterPeer[] = ['scim2-parse-filter', 'scimmy'];
const PATCH_PEERS: readonly PatchPeer[] = ['scim-patch', 'scimmy'];

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

const agree = (found: FilterCase, peer: FilterPeer): boolean =>
  ourVerdict(textOf(found), found.resource) === peerVerdict(peer, textOf(found), found.resource);

const isExcused = (found: FilterCase, peer: FilterPeer): boolean => {
  const theirs = peerVerdict(peer, textOf(found), found.resource);
  return FILTER_DISAGREEMENTS.some(({ excuses }) => excuses?.(found, peer, theirs));
};

/** Fails unless the causes in the table account for all that differs, one alone or several together. */
const expectExplained = (found: FilterCase, peer: FilterPeer): void => {
  if (agree(found, peer) || isExcused(found, peer)) return;
  const repaired = FILTER_DISAGREEMENTS.reduce((before, { repair }) => repair?.(before) ?? before, found);
  if (isExcused(repaired, peer)) return;
  expect([textOf(found), peerVerdict(peer, textOf(repaired), repaired.resource)]).toEqual([
    textOf(found),
    ourVerdict(textOf(repaired), repaired.resource),
  ]);
};

const expectPatchExplained = async (found: PatchCase, peer: PatchPeer): Promise<void> => {
  const ours = ourOutcome(found.document, [found.operation]);
  const theirs = await peerOutcome(peer, found.document, [found.operation]);
  if (equalValues(ours, theirs)) return;
  const causes = PATCH_DISAGREEMENTS.filter(({ peers, applies }) => peers.includes(peer) && applies(found, ours, theirs));
  if (causes.some(({ apart }) => apart === undefined)) return;
  const rest = (outcome: Outcome): Outcome =>
    outcome === 'refused' ? outcome : causes.reduce((before, { apart }) => apart?.(before) ?? before, outcome);
  expect(rest(theirs)).toEqual(rest(ours));
};

describe('beside other implementations', () => {
  test.each(FILTER_PEERS)('hand-picked filters differ from %s only as listed', (peer) => {
    const differing = FILTERS.flatMap((filter) => {
      const [ours, theirs] = [ourVerdict(filter, PERSON), peerVerdict(peer, filter, PERSON)];
      return ours === theirs ? [] : [`${filter}: ${ours}, ${theirs}`];
    });
    const listed = FILTER_DISAGREEMENTS.flatMap(({ examples }) =>
      examples.flatMap(({ filter, ours, theirs }) => (theirs[peer] === undefined ? [] : [`${filter}: ${ours}, ${theirs[peer]}`])),
    );
    expect(differing.sort()).toEqual(listed.sort());
  });

  test('generated filters differ from scim2-parse-filter only for the causes listed', () => {
    fc.assert(
      fc.property(nestedFilterCase, (found) => expectExplained(found, 'scim2-parse-filter')),
      runs(2000),
    );
  });

  test('generated filters differ from scimmy only for the causes listed', () => {
    fc.assert(
      fc.property(fc.oneof({ weight: 4, arbitrary: flatFilterCase }, { weight: 1, arbitrary: nestedFilterCase }), (found) =>
        expectExplained(found, 'scimmy'),
      ),
      runs(2000),
    );
  });

  test.each(PATCH_PEERS)('generated PATCHes differ from %s only for the causes listed', async (peer) => {
    await fc.assert(
      fc.asyncProperty(patchCase, (found) => expectPatchExplained(found, peer)),
      runs(300),
    );
  });

  test.each(PATCH_DISAGREEMENTS)('a PATCH differs as listed: $cause', async ({ peers, example, ours, theirs, applies }) => {
    const here = ourOutcome(example.document, [example.operation]);
    for (const peer of peers) {
      const there = await peerOutcome(peer, example.document, [example.operation]);
      expect(difference(here, there)).toEqual([ours, theirs]);
      expect(applies(example, here, there)).toBe(true);
    }
  });

  test('docs/peers.md says what the tables say', async () => {
    const require = createRequire(import.meta.url);
    const names = ['scimmy', 'scim-patch', 'scim2-parse-filter'];
    const { devDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    expect(names.every((name) => name in devDependencies && require.resolve(name) !== '')).toBe(true);
    const versions = Object.fromEntries(names.map((name) => [name, String(devDependencies[name]).replace('^', '')]));
    const page = join(root, 'docs', 'peers.md');
    if (process.env.UPDATE_DOCS === '1') await writeFile(page, peersPage(versions));
    expect(await readFile(page, 'utf8')).toBe(peersPage(versions));
  });
});
