import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { FailedAuthentications } from '../../lib/services/failed-authentications.js';
import { type FailureSummary, FailureTally } from '../../lib/services/failure-tally.js';
import { createToken, hashToken, tokenMatches, tokenName } from '../../lib/services/token.js';

const ADDRESS = '192.0.2.7';
const MINUTE = 60_000;
const BOUND = 120;

interface Told {
  readonly logged: FailureSummary[];
  readonly told: FailureSummary[];
}

/** @param answers of the event log, one after the other; true where there are no more. */
const watch = (answers: readonly (boolean | Error)[] = []): Told & { readonly failures: FailedAuthentications } => {
  const logged: FailureSummary[] = [];
  const told: FailureSummary[] = [];
  const left = [...answers];
  const failures = new FailedAuthentications({
    log: (summary) => logged.push(summary),
    tell: async (summary) => {
      const answer = left.shift() ?? true;
      if (answer instanceof Error) throw answer;
      if (answer) told.push(summary);
      return answer;
    },
  });
  return { failures, logged, told };
};

beforeEach(() => {
  jest.useFakeTimers({ now: new Date('2030-01-01T00:00:00Z') });
});

afterEach(() => {
  jest.useRealTimers();
});

const countsOf = (summaries: readonly FailureSummary[]): readonly number[] => summaries.map(({ count }) => count);

describe('failed authentications', () => {
  test('are reported a second after the first, and from then on once a minute, with none left out', async () => {
    const { failures, logged, told } = watch();
    for (let second = 0; second < 600; second += 1) {
      failures.add({ address: ADDRESS, token: undefined });
      await jest.advanceTimersByTimeAsync(1_000);
    }
    await jest.advanceTimersByTimeAsync(MINUTE);
    for (const summaries of [logged, told]) {
      expect(summaries.length).toBeLessThanOrEqual(12);
      expect(countsOf(summaries).reduce((sum, count) => sum + count, 0)).toBe(600);
      expect(summaries[0]?.count).toBeLessThanOrEqual(2);
      const starts = summaries.map(({ until }) => until.getTime());
      for (const [index, at] of starts.entries())
        if (index > 0) expect(at - (starts[index - 1] ?? 0)).toBeGreaterThanOrEqual(MINUTE - 1_000);
    }
  });

  test('say how many, from where, since when and until when', async () => {
    const { failures, told } = watch();
    for (let i = 0; i < 3; i += 1) failures.add({ address: ADDRESS, token: createToken() });
    await jest.advanceTimersByTimeAsync(500);
    failures.add({ address: '198.51.100.1', token: 'guess' });
    await jest.advanceTimersByTimeAsync(500);
    expect(told).toMatchObject([
      {
        count: 4,
        throttled: 0,
        from: new Date('2030-01-01T00:00:00.000Z'),
        until: new Date('2030-01-01T00:00:00.500Z'),
        addresses: {
          largest: [
            { name: ADDRESS, count: 3 },
            { name: '198.51.100.1', count: 1 },
          ],
          others: 0,
        },
      },
    ]);
  });

  test('that the event log does not take are told with what comes next, and logged once', async () => {
    const { failures, logged, told } = watch([false, new Error('no database')]);
    failures.add({ address: ADDRESS, token: undefined });
    await jest.advanceTimersByTimeAsync(1_000 + 3 * MINUTE);
    expect(countsOf(told)).toEqual([1]);
    expect(countsOf(logged)).toEqual([1]);
    failures.add({ address: ADDRESS, token: undefined });
    await jest.advanceTimersByTimeAsync(MINUTE);
    expect(countsOf(told)).toEqual([1, 1]);
  });

  test('beyond the bound of an address are asked to wait for the rest of its minute; others are not', () => {
    const { failures } = watch();
    for (let i = 0; i < BOUND; i += 1) expect(failures.add({ address: ADDRESS, token: undefined })).toBe(0);
    jest.advanceTimersByTime(10_000);
    expect(failures.add({ address: ADDRESS, token: undefined })).toBe(MINUTE - 10_000);
    expect(failures.add({ address: '198.51.100.1', token: undefined })).toBe(0);
    jest.advanceTimersByTime(50_000);
    expect(failures.add({ address: ADDRESS, token: undefined })).toBe(0);
  });

  test('are bound by the beginning of their token, from wherever they come', () => {
    const { failures } = watch();
    const stuck = createToken();
    const from = (i: number): string => `198.51.${i >> 8}.${i & 255}`;
    for (let i = 0; i < BOUND; i += 1) expect(failures.add({ address: from(i), token: stuck })).toBe(0);
    expect(failures.add({ address: from(BOUND), token: stuck })).toBe(MINUTE);
    expect(failures.add({ address: from(BOUND), token: `${stuck.slice(0, 17)}${'x'.repeat(45)}` })).toBe(MINUTE);
    expect(failures.add({ address: from(BOUND), token: 'unleash_scim_ZZZZ' })).toBe(0);
  });

  test('from ever new addresses are counted one by one as far as memory goes, and the report stays short', () => {
    const [kept, senders] = [1_000, 3_000];
    const tally = new FailureTally();
    for (let i = 0; i < 2 * senders; i += 1) {
      tally.add({ address: `address ${i % senders}`, token: `token ${i % 7}`, isThrottled: i % 2 === 0 });
    }
    const summary = tally.summary();
    expect(summary).toMatchObject({ count: 2 * senders, throttled: senders, tokens: { others: 2 } });
    // Beyond what is kept each request counts as somebody else's.
    expect(summary?.addresses.others).toBe(kept - 5 + 2 * (senders - kept));
    expect(summary?.addresses.largest).toHaveLength(5);
  });
});

describe('the name of a token', () => {
  test('is where it begins, where it was made here, and nothing of any other', () => {
    const token = createToken();
    expect(tokenName(token)).toBe(`${token.slice(0, 17)}…`);
    expect(token.length - 17).toBeGreaterThan(40);
    expect(tokenName('hunter2-and-more-of-it-0123456789abcdef')).toBe('of another form');
    expect(tokenName('unleash_scim_short')).toBe('of another form');
    expect(tokenName(`unleash_scim_${'x'.repeat(40)}\u00e9`)).toBe('of another form');
    expect(tokenName(undefined)).toBe('none');
  });
});

test('a token of the greatest length is told from a longer one', () => {
  const longest = 'x'.repeat(512);
  expect(tokenMatches(hashToken(longest), hashToken(longest))).toBe(true);
  for (const more of [1, 2, 8_000]) {
    expect(tokenMatches(hashToken(longest + 'x'.repeat(more)), hashToken(longest))).toBe(false);
  }
});

test.each(['', ' ', 'x', createToken(), `${createToken()}x`, 'é'.repeat(20), 'x'.repeat(8_192)])(
  'a wrong token is compared by 32 bytes, whatever its form, also where none is stored: %#',
  (sent) => {
    const hash = hashToken(sent);
    expect(hash).toHaveLength(32);
    expect(tokenMatches(hash, hashToken(createToken()))).toBe(false);
    expect(tokenMatches(hash, null)).toBe(false);
    expect(tokenMatches(hash, hash)).toBe(true);
  },
);
