import { ScimError } from '../protocol/errors.js';
import { type Clock, type Rate, RateLimit } from './rate-limit.js';

interface Waiting<Value> {
  resolve(value: Value): void;
  reject(error: unknown): void;
}

export interface SharedReadsOptions {
  /** How often it is read at the most. */
  readonly rate: Rate;
  /** Nobody waits longer for one read, nor does the next read. */
  readonly patienceMs: number;
}

/** Answers any number of callers with a bounded number of reads. Each is answered by a read that began after the call. */
export class SharedReads<Value> {
  readonly #read: () => Promise<Value>;
  readonly #limit: RateLimit;
  readonly #patienceMs: number;
  #waiting: Waiting<Value>[] = [];
  #isHeldUp = false;

  constructor(read: () => Promise<Value>, { rate, patienceMs }: SharedReadsOptions, clock?: Clock) {
    this.#read = read;
    this.#limit = new RateLimit(rate, clock);
    this.#patienceMs = patienceMs;
  }

  /** @throws {ScimError} `unavailable` where the read takes too long; whatever the read throws. */
  ask(): Promise<Value> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#goOn();
    });
  }

  #goOn(): void {
    if (this.#isHeldUp || this.#waiting.length === 0) return;
    this.#isHeldUp = true;
    const waitMs = this.#limit.take();
    if (waitMs > 0) setTimeout(() => this.#released(), waitMs);
    else this.#serve(this.#waiting.splice(0));
  }

  #released(): void {
    this.#isHeldUp = false;
    this.#goOn();
  }

  #serve(callers: readonly Waiting<Value>[]): void {
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<never>((_resolve, reject) => {
      const detail = 'The settings of SCIM cannot be read at the moment; try again shortly.';
      timer = setTimeout(() => reject(new ScimError('unavailable', detail)), this.#patienceMs);
    });
    Promise.race([this.#read(), tooLong])
      .then(
        (value) => {
          for (const { resolve } of callers) resolve(value);
        },
        (error: unknown) => {
          for (const { reject } of callers) reject(error);
        },
      )
      .finally(() => {
        clearTimeout(timer);
        this.#released();
      });
  }
}
