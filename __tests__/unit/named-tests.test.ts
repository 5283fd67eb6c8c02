import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { testsIn } from '../support/test-titles.js';

/** As `integration/removal.test.ts › the title of a test`, or the file alone. */
const NAMED = /`(?:__tests__\/)?((?:unit|property|integration|conformance|browser|soak|bench)\/[\w./-]+\.ts)(?: › ([^`]+))?`/g;

// docs/reliability.md may not be there yet.
const pages = ['SECURITY.md', 'docs/reliability.md', 'docs/operations.md', 'docs/admin-access.md'].filter((page) =>
  existsSync(join(process.cwd(), page)),
);

const namedIn = (page: string): readonly { readonly file: string; readonly title: string | undefined }[] =>
  [...readFileSync(join(process.cwd(), page), 'utf8').matchAll(NAMED)].map(([, file = '', title]) => ({ file, title }));

describe.each(pages)('%s', (page) => {
  test('names tests that are there', () => {
    const wrong = namedIn(page).filter(({ file, title }) => {
      const titles = testsIn(file);
      return titles === undefined || (title !== undefined && !titles.includes(title));
    });
    expect(wrong).toEqual([]);
  });
});

test('every threat in SECURITY.md has a test', () => {
  const table = readFileSync(join(process.cwd(), 'SECURITY.md'), 'utf8').split('## Threat model')[1] ?? '';
  const rows = table.split('\n').filter((line) => line.startsWith('| ') && !/^\| (Who \||---)/.test(line));
  expect(rows.length).toBeGreaterThan(15);
  expect(rows.filter((row) => row.split('|').length !== 6 || [...row.matchAll(NAMED)].length === 0)).toEqual([]);
});
