/** Milliseconds that only go forward: one that an operator can put back would keep everybody waiting. */
export type Clock = () => number;

export interface Rate {
  readonly perSecond: number;
  /** Taken at once where nothing was taken for long. */
  readonly burst: number;
}

/** Sums of fractions of a millisecond are a little off. */
const ROUNDING_MS = 1e-6;

/** A token bucket in one number (the generic cell rate algorithm): in any span of n seconds it gives no more than burst + n * perSecond. */
export class RateLimit {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #roomMs: number;
  /** When what was taken is paid off. */
  #paidAt = Number.NEGATIVE_INFINITY;

  constructor({ perSecond, burst }: Rate, clock: Clock = () => performance.now()) {
    this.#clock = clock;
    this.#intervalMs = 1000 / perSecond;
    this.#roomMs = burst * this.#intervalMs;
  }

  /** @returns 0 where one is given, else the milliseconds after which there is one again. */
  take(): number {
    const now = this.#clock();
    const paidAt = Math.max(this.#paidAt, now) + this.#intervalMs;
    const wait = paidAt - now - this.#roomMs;
    if (wait > ROUNDING_MS) return wait;
    this.#paidAt = paidAt;
    return 0;
  }
}

export interface KeyedCountsOptions {
  /** Counted of a key in a window before it is told to wait. */
  readonly max: number;
  readonly windowMs: number;
  /** Keys that are remembered; the one that was not seen for longest is forgotten first. */
  readonly maxKeys: number;
}

/** Counts by key, in windows that begin with the first of a key. */
export class KeyedCounts {
  readonly #options: KeyedCountsOptions;
  readonly #clock: Clock;
  /** In the order in which they were seen last. */
  readonly #windows = new Map<string, { readonly endsAt: number; count: number }>();

  constructor(options: KeyedCountsOptions, clock: Clock = () => performance.now()) {
    this.#options = options;
    this.#clock = clock;
  }

  get size(): number {
    return this.#windows.size;
  }

  /** @returns 0 while the key is within its bound, else the milliseconds until its window ends. */
  add(key: string): number {
    const { max, windowMs, maxKeys } = this.#options;
    const now = this.#clock();
    const before = this.#windows.get(key);
    const window = before !== undefined && before.endsAt > now ? before : { endsAt: now + windowMs, count: 0 };
    window.count += 1;
    this.#windows.delete(key);
    if (this.#windows.size >= maxKeys) {
      const [oldest = key] = this.#windows.keys();
      this.#windows.delete(oldest);
    }
    this.#windows.set(key, window);
    return window.count > max ? window.endsAt - now : 0;
  }
}
