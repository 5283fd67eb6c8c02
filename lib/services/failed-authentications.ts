import { type FailureSummary, FailureTally } from './failure-tally.js';
import { KeyedCounts } from './rate-limit.js';
import { tokenCut, tokenName } from './token.js';

/** Requests without the token that are answered 401 in a minute, for one address and for one beginning of a token. */
const THROTTLING = { max: 120, windowMs: 60_000, maxKeys: 10_000 };
/** The first report waits for what comes along with the first failure. */
const SETTLE_MS = 1_000;
const REPORT_EVERY_MS = 60_000;

export interface FailureReports {
  log(summary: FailureSummary): void;
  /** Writes an event. @returns false where it may not be written now: it is told with what comes next. */
  tell(summary: FailureSummary): Promise<boolean>;
}

/**
 * Counts requests that were refused for their token, and reports them once a minute at the most. It refuses nobody by itself: it is
 * asked only about requests whose token was found to be wrong.
 */
export class FailedAuthentications {
  readonly #reports: FailureReports;
  readonly #byAddress = new KeyedCounts(THROTTLING);
  readonly #byToken = new KeyedCounts(THROTTLING);
  #unlogged = new FailureTally();
  #untold = new FailureTally();
  #reportedAt = Number.NEGATIVE_INFINITY;
  #isReporting = false;

  constructor(reports: FailureReports) {
    this.#reports = reports;
  }

  /** @returns 0, or the milliseconds for which the sender is asked to stay away. */
  add({ address, token }: { readonly address: string; readonly token: string | undefined }): number {
    // Both are counted, whichever has had enough. Without a token there is nothing that requests have in common.
    const waitMs = Math.max(this.#byAddress.add(address), token === undefined ? 0 : this.#byToken.add(tokenCut(token)));
    const failure = { address, token: tokenName(token), isThrottled: waitMs > 0 };
    this.#unlogged.add(failure);
    this.#untold.add(failure);
    this.#plan();
    return waitMs;
  }

  #plan(): void {
    if (this.#isReporting) return;
    this.#isReporting = true;
    const delayMs = Math.max(SETTLE_MS, this.#reportedAt + REPORT_EVERY_MS - performance.now());
    setTimeout(() => this.#report(), delayMs).unref();
  }

  async #report(): Promise<void> {
    this.#reportedAt = performance.now();
    const [unlogged, untold] = [this.#unlogged.summary(), this.#untold];
    this.#unlogged = new FailureTally();
    this.#untold = new FailureTally();
    if (unlogged !== undefined) this.#reports.log(unlogged);
    const told = untold.summary();
    // A database that is away is told of by whoever needs it.
    const isTold = told === undefined || (await this.#reports.tell(told).catch(() => false));
    if (!isTold) this.#untold.absorb(untold);
    this.#isReporting = false;
    if (this.#untold.summary() !== undefined) this.#plan();
  }
}
