import { beforeAll, expect, test } from '@jest/globals';
import { provision } from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';
import { INVALID_CURSOR } from './bad-input/bad-input.js';
import { cursorOfPeople, forgedCursors } from './bad-input/cursors.js';
import { dump, faultsOf, sendRaw } from './bad-input/judge.js';

const world = withWorld();

const answerTo = (cursor: string, method: 'GET' | 'POST' = 'GET') =>
  method === 'GET'
    ? sendRaw(world().host, { method, path: `/Users?cursor=${encodeURIComponent(cursor)}` })
    : sendRaw(world().host, { method, path: '/Users/.search', body: JSON.stringify({ cursor }) });

beforeAll(async () => {
  for (const name of ['first', 'second', 'third']) await provision(world(), `${name}@example.com`);
});

test('takes the cursors that the forged ones are made from', async () => {
  const answer = await answerTo(cursorOfPeople(Date.now()));
  expect([answer.status, JSON.parse(answer.text).Resources.length]).toEqual([200, 2]);
});

test.each(forgedCursors())('refuses a cursor that is %s, by GET and by POST', async (_name, cursor) => {
  const before = await dump(world().db);
  for (const method of ['GET', 'POST'] as const) {
    expect(faultsOf(await answerTo(cursor, method), INVALID_CURSOR)).toEqual([]);
  }
  expect(await dump(world().db)).toEqual(before);
});

test('tells the same of every forged cursor', async () => {
  const told = new Set<string>();
  for (const [, cursor] of forgedCursors()) told.add((await answerTo(cursor)).text);
  expect([...told]).toHaveLength(1);
});

test('refuses the cursors of a token that was replaced', async () => {
  const cursor = cursorOfPeople(Date.now());
  const { body } = await world().admin.post('/api/admin/scim-settings/generate-new-token').expect(200);
  const headers = { Authorization: `Bearer ${body.token}` };
  const answer = await sendRaw(world().host, { method: 'GET', path: `/Users?cursor=${cursor}`, headers });
  expect(faultsOf(answer, INVALID_CURSOR)).toEqual([]);
});
