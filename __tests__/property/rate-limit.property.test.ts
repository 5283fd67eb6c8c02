import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { KeyedCounts, RateLimit } from '../../lib/services/rate-limit.js';

/** Milliseconds between one call and the next: mostly at once, sometimes after a while. */
const gaps = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.constant(0) },
    { weight: 5, arbitrary: fc.double({ min: 0, max: 50, noNaN: true }) },
    fc.nat(5_000),
  ),
  { minLength: 1, maxLength: 400 },
);
const rates = fc.record({ perSecond: fc.integer({ min: 1, max: 10_000 }), burst: fc.integer({ min: 1, max: 200 }) });

/** When each call of `take` came, and what it said. */
const play = (waits: readonly number[], take: () => number, clock: { now: number }) =>
  waits.map((gap) => {
    clock.now += gap;
    return { at: clock.now, waitMs: take() };
  });

describe('a rate limit', () => {
  test('never gives more than its burst and its rate in any span', () => {
    fc.assert(
      fc.property(rates, gaps, (rate, waits) => {
        const clock = { now: 1_000 };
        const limit = new RateLimit(rate, () => clock.now);
        const given = play(waits, () => limit.take(), clock).filter(({ waitMs }) => waitMs === 0);
        for (const [first, { at: from }] of given.entries()) {
          for (const [last, { at: until }] of given.entries()) {
            if (last < first) continue;
            const most = rate.burst + ((until - from) / 1000) * rate.perSecond;
            if (last - first + 1 > most + 1e-6) throw new Error(`${last - first + 1} in ${until - from} ms, not ${most}`);
          }
        }
      }),
    );
  });

  test('gives again after the time that it names, and no earlier than a moment before', () => {
    fc.assert(
      fc.property(rates, gaps, (rate, waits) => {
        const clock = { now: 0 };
        const limit = new RateLimit(rate, () => clock.now);
        const waitMs = play(waits, () => limit.take(), clock).at(-1)?.waitMs ?? 0;
        fc.pre(waitMs > 0.01);
        clock.now += waitMs * 0.9;
        expect(limit.take()).toBeGreaterThan(0);
        clock.now += waitMs * 0.1 + 1e-3;
        expect(limit.take()).toBe(0);
      }),
    );
  });

  test('never refuses who stays below the rate', () => {
    fc.assert(
      fc.property(rates, fc.integer({ min: 1, max: 300 }), (rate, calls) => {
        const clock = { now: 0 };
        const limit = new RateLimit(rate, () => clock.now);
        const every = Array.from({ length: calls }, () => 1000 / rate.perSecond);
        expect(play(every, () => limit.take(), clock).filter(({ waitMs }) => waitMs > 0)).toEqual([]);
      }),
    );
  });
});

describe('counts by key', () => {
  const options = { max: 5, windowMs: 1_000, maxKeys: 8 };
  const keys = fc.array(fc.tuple(fc.nat(20).map(String), fc.nat(400)), { maxLength: 400 });

  test('remember no more keys than they may, whatever comes', () => {
    fc.assert(
      fc.property(keys, (calls) => {
        const clock = { now: 0 };
        const counts = new KeyedCounts(options, () => clock.now);
        for (const [key, gap] of calls) {
          clock.now += gap;
          counts.add(key);
          if (counts.size > options.maxKeys) throw new Error(`${counts.size} keys`);
        }
      }),
    );
  });

  test('hold a key to its bound in each of its windows, and ask it to wait until that ends, where all keys have room', () => {
    fc.assert(
      fc.property(keys, (calls) => {
        const clock = { now: 0 };
        const counts = new KeyedCounts({ ...options, maxKeys: 100 }, () => clock.now);
        const windows = new Map<string, { readonly begunAt: number; count: number }>();
        for (const [key, gap] of calls) {
          clock.now += gap;
          const before = windows.get(key);
          const window =
            before !== undefined && clock.now < before.begunAt + options.windowMs ? before : { begunAt: clock.now, count: 0 };
          window.count += 1;
          windows.set(key, window);
          expect(counts.add(key)).toBe(window.count > options.max ? window.begunAt + options.windowMs - clock.now : 0);
        }
      }),
    );
  });

  test('forget first who was not seen for longest', () => {
    const counts = new KeyedCounts({ max: 1, windowMs: 1_000, maxKeys: 2 }, () => 0);
    for (const key of ['a', 'b', 'a', 'c']) counts.add(key);
    expect([counts.add('a'), counts.add('b')]).toEqual([1_000, 0]);
  });
});
