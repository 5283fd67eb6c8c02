import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { SharedReads } from '../../lib/services/shared-reads.js';

const UNBOUNDED = { rate: { perSecond: 1_000_000, burst: 1_000_000 }, patienceMs: 10_000 };

interface Read {
  readonly number: number;
  end(): void;
  fail(error: Error): void;
}

/** Reads that end when the test says so; each gives its number. */
const heldReads = () => {
  const reads: Read[] = [];
  const read = (): Promise<number> =>
    new Promise((resolve, reject) => {
      const number = reads.length + 1;
      reads.push({ number, end: () => resolve(number), fail: reject });
    });
  return { reads, read };
};

describe('shared reads', () => {
  test('answer each caller by a read that began after the call, and all who wait by one', async () => {
    const { reads, read } = heldReads();
    const shared = new SharedReads(read, UNBOUNDED);
    const first = shared.ask();
    const later = Array.from({ length: 100 }, () => shared.ask());
    expect(reads).toHaveLength(1);
    reads[0]?.end();
    expect(await first).toBe(1);
    await sleep(0);
    expect(reads).toHaveLength(2);
    reads[1]?.end();
    expect(new Set(await Promise.all(later))).toEqual(new Set([2]));
    expect(reads).toHaveLength(2);
  });

  test('that fail fail those who wait for them, and nobody else', async () => {
    const { reads, read } = heldReads();
    const shared = new SharedReads(read, UNBOUNDED);
    const first = shared.ask();
    const second = shared.ask();
    reads[0]?.fail(new Error('no database'));
    await expect(first).rejects.toThrow('no database');
    await sleep(0);
    reads[1]?.end();
    expect(await second).toBe(2);
  });

  test('are no more than the rate allows, however many ask', async () => {
    const clock = { now: 0 };
    let reads = 0;
    const read = async (): Promise<number> => {
      reads += 1;
      return reads;
    };
    const shared = new SharedReads(read, { rate: { perSecond: 20, burst: 3 }, patienceMs: 10_000 }, () => clock.now);
    for (let i = 0; i < 3; i += 1) await shared.ask();
    const waiting = Array.from({ length: 1_000 }, () => shared.ask());
    await sleep(20);
    expect(reads).toBe(3);
    clock.now += 50;
    expect(new Set(await Promise.all(waiting))).toEqual(new Set([4]));
  });

  test('that take too long keep nobody: who waits is told, and the next read begins', async () => {
    const { reads, read } = heldReads();
    const shared = new SharedReads(read, { ...UNBOUNDED, patienceMs: 20 });
    const first = shared.ask();
    const second = shared.ask();
    await expect(first).rejects.toMatchObject({ kind: 'unavailable' });
    await sleep(0);
    reads[1]?.end();
    expect(await second).toBe(2);
  });
});
