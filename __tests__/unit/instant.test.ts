import { expect, test } from '@jest/globals';
import pg from 'pg';
import { instantParser } from '../../lib/stores/instant.js';

const TIMESTAMPTZ = 1184;
const theirs = pg.types.getTypeParser(TIMESTAMPTZ, 'text');
const ours = instantParser(theirs);

test.each([
  '2026-11-25 02:50:54.123456+00',
  '2026-11-25 02:50:54.9+00',
  '2026-11-25 02:50:54.98+00',
  '2026-11-25 02:50:54.000999+00',
  '2026-11-25 02:50:54+00',
  '2024-02-29 23:59:59.999999-11',
  '2026-01-01 00:30:00+14',
  '1000-01-01 00:00:00+00',
  '9999-12-31 23:59:59.999+00',
  '2026-11-25 02:50:54.5+05:30',
  '1890-01-01 00:00:00+00:53:28',
  '0099-01-01 00:00:00+00',
  '0044-03-15 12:00:00+00 BC',
  '12026-11-25 02:50:54+00',
  'infinity',
  '-infinity',
])('reads %s as pg does', (text) => {
  expect(ours(text)).toEqual(theirs(text));
});
