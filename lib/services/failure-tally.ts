/** How often; what does not fit into a list of the largest is in `others`. */
export interface Counted {
  readonly largest: readonly { readonly name: string; readonly count: number }[];
  /** Names beyond those; where they are very many, a name may count more than once. */
  readonly others: number;
}

export interface FailureSummary {
  readonly count: number;
  /** Of them, answered with 429. */
  readonly throttled: number;
  readonly from: Date;
  readonly until: Date;
  readonly addresses: Counted;
  readonly tokens: Counted;
}

/** A report names so many; of more it says how many there were. */
const MAX_NAMED = 5;
/** Names that are counted one by one between two reports. */
const MAX_NAMES = 1_000;

class NameCounts {
  readonly #counts = new Map<string, number>();
  #unnamed = 0;

  add(name: string, count: number): void {
    const before = this.#counts.get(name);
    if (before === undefined && this.#counts.size >= MAX_NAMES) this.#unnamed += 1;
    else this.#counts.set(name, (before ?? 0) + count);
  }

  absorb(other: NameCounts): void {
    for (const [name, count] of other.#counts) this.add(name, count);
    this.#unnamed += other.#unnamed;
  }

  summary(): Counted {
    const sorted = [...this.#counts].sort(([, a], [, b]) => b - a);
    const largest = sorted.slice(0, MAX_NAMED).map(([name, count]) => ({ name, count }));
    return { largest, others: sorted.length - largest.length + this.#unnamed };
  }
}

/** What has happened since the last report, in bounded memory. */
export class FailureTally {
  #count = 0;
  #throttled = 0;
  #from: Date | undefined;
  #until: Date | undefined;
  readonly #addresses = new NameCounts();
  readonly #tokens = new NameCounts();

  add(failure: { readonly address: string; readonly token: string; readonly isThrottled: boolean }): void {
    const now = new Date();
    this.#count += 1;
    if (failure.isThrottled) this.#throttled += 1;
    this.#from ??= now;
    this.#until = now;
    this.#addresses.add(failure.address, 1);
    this.#tokens.add(failure.token, 1);
  }

  /** Adds what an earlier report could not tell. */
  absorb(earlier: FailureTally): void {
    this.#count += earlier.#count;
    this.#throttled += earlier.#throttled;
    this.#from = earlier.#from ?? this.#from;
    this.#until ??= earlier.#until;
    this.#addresses.absorb(earlier.#addresses);
    this.#tokens.absorb(earlier.#tokens);
  }

  /** Undefined where nothing has happened. */
  summary(): FailureSummary | undefined {
    if (this.#from === undefined || this.#until === undefined) return undefined;
    return {
      count: this.#count,
      throttled: this.#throttled,
      from: this.#from,
      until: this.#until,
      addresses: this.#addresses.summary(),
      tokens: this.#tokens.summary(),
    };
  }
}
