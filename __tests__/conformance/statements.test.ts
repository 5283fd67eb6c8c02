import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { testsIn } from '../support/test-titles.js';
import { renderConformance, STATEMENTS } from './statements.js';

const page = join(process.cwd(), 'docs', 'conformance.md');

test('docs/conformance.md is what the statements say', () => {
  const rendered = renderConformance();
  if (process.env.UPDATE_DOCS === '1') writeFileSync(page, rendered);
  expect(readFileSync(page, 'utf8')).toBe(rendered);
});

test('every test that a statement names is there, once', () => {
  const known = new Map<string, readonly string[]>();
  const wrong = STATEMENTS.flatMap(({ id, test: named }) => {
    if (named === undefined) return [];
    const [file = '', name = ''] = named.split(' › ');
    if (!known.has(file)) known.set(file, testsIn(`conformance/${file}`) ?? []);
    const found = known.get(file)?.filter((title) => title === name).length;
    return found === 1 ? [] : [`${id}: ${named} (${found} times)`];
  });
  expect(wrong).toEqual([]);
});

test('every statement that is met names a test', () => {
  expect(STATEMENTS.filter(({ status, test: named }) => status === 'met' && named === undefined)).toEqual([]);
});

test('no id stands twice, and each has the form of RFC, section and number', () => {
  const ids = STATEMENTS.map(({ id }) => id);
  expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
  expect(ids.filter((id) => !/^(7643|7644|9865)-\d+(\.\d+)*-\d{2}$/.test(id))).toEqual([]);
});

test('no statement is empty', () => {
  expect(STATEMENTS.filter(({ statement, ours }) => statement.trim() === '' || ours.trim() === '')).toEqual([]);
  expect(STATEMENTS.length).toBeGreaterThan(300);
});
