/**
 * Anti-replay windows (the idea of RFC 4303 §3.4.3): which of a publisher's events a chain has already.
 * `docs/reference/format.md` §9 is the specification.
 *
 * A number above `last` is new. A number below it that is missing is late, and is chained too. A number at or below
 * `floor` is beyond the window: nobody knows whether it was chained. Any other number was chained before. Everything is
 * bounded: the publishers of a chain, the ranges of a publisher, and the ranges of a chain. A publisher that was
 * forgotten is new again.
 */

/** The number of publishers that a chain remembers: those that it saw last. */
export const MAX_PRODUCERS = 1_024;
/** The most missing ranges of one publisher. A range has any length. */
export const MAX_MISSING = 64;
/** The most missing ranges of all publishers of a chain. */
export const MAX_CHAIN_MISSING = 4_096;

/** Inclusive. */
type SequenceRange = readonly [first: number, last: number];

export interface ProducerWindow {
  /** The highest number chained. */
  readonly last: number;
  /** The numbers between `floor` and `last` that are not chained, as ascending ranges. */
  readonly missing: readonly SequenceRange[];
  /** Up to this number nobody knows any more which events were chained. 0: all are known. */
  readonly floor: number;
  /** The chain's `seq` when the publisher was last seen. The lowest is forgotten first. */
  readonly seen: number;
}

/** Windows by boot id, as in a trailer. null: the publisher was forgotten since the block that the trailer adds to. */
export type ProducerRecord = Readonly<Record<string, ProducerWindow | null>>;

/** What becomes of an event. Only `new` and `late` ones are chained. */
export type Admission = 'new' | 'late' | 'duplicate' | 'beyond_window';

export interface WindowLimits {
  readonly producers: number;
  /** Missing ranges of one publisher. */
  readonly missing: number;
  /** Missing ranges of all publishers. */
  readonly chainMissing: number;
}

export const LEDGER_LIMITS: WindowLimits = {
  producers: MAX_PRODUCERS,
  missing: MAX_MISSING,
  chainMissing: MAX_CHAIN_MISSING,
};

interface OpenWindow {
  last: number;
  readonly missing: SequenceRange[];
  floor: number;
  seen: number;
  /** The chain's `seq` when the window was made. */
  born: number;
}

/** The windows of one chain, for the writer or the verifier of the chain. */
export class ProducerWindows {
  readonly #windows = new Map<string, OpenWindow>();
  readonly #limits: WindowLimits;
  /** Sums over all windows: ranges, and characters of names. */
  #ranges = 0;
  #nameLength = 0;
  /** The `seq` at which `settle` was called last. */
  #settledAt = 0;
  /** Since then: publishers that were forgotten, and those that lost a range when another publisher got one. */
  #forgotten: Set<string> | null = null;
  #trimmed: Set<string> | null = null;

  constructor(limits: WindowLimits = LEDGER_LIMITS) {
    this.#limits = limits;
  }

  /**
   * The windows after a block.
   *
   * @param full the windows of the newest block that had all
   * @param changed the windows that a later block adds; null: there is none
   * @param settledAt the last `seq` of the block with all windows
   */
  static restore(
    full: ProducerRecord,
    changed: ProducerRecord | null,
    settledAt: number,
    limits: WindowLimits = LEDGER_LIMITS,
  ): ProducerWindows {
    const windows = new ProducerWindows(limits);
    windows.#settledAt = settledAt;
    for (const [producer, window] of Object.entries(full)) {
      const now = changed && Object.hasOwn(changed, producer) ? changed[producer] : window;
      if (now) windows.#put(producer, now, 0);
      else windows.#noteForgotten(producer);
      if (now && now !== window && now.seen <= settledAt) windows.#noteTrimmed(producer);
    }
    for (const [producer, window] of Object.entries(changed ?? {})) {
      if (window && !Object.hasOwn(full, producer)) windows.#put(producer, window, settledAt + 1);
    }
    return windows;
  }

  /** Adds an event as the chain's entry `seq`. Changes nothing when the event is not chained. */
  admit(producer: string, number: number, seq: number): Admission {
    const window = this.#windows.get(producer);
    if (!window) {
      if (this.#windows.size >= this.#limits.producers) this.#forgetOldest();
      this.#put(producer, { last: number, missing: number > 1 ? [[1, number - 1]] : [], floor: 0, seen: seq }, seq);
      this.#boundAll();
      return 'new';
    }
    if (number > window.last) {
      if (number > window.last + 1) {
        window.missing.push([window.last + 1, number - 1]);
        this.#ranges++;
      }
      window.last = number;
      window.seen = seq;
      this.#bound(window);
      return 'new';
    }
    if (!this.#fill(window, number)) return number <= window.floor ? 'beyond_window' : 'duplicate';
    window.seen = seq;
    this.#bound(window);
    return 'late';
  }

  get(producer: string): ProducerWindow | undefined {
    return this.#windows.get(producer);
  }

  get size(): number {
    return this.#windows.size;
  }

  [Symbol.iterator](): IterableIterator<readonly [string, ProducerWindow]> {
    return this.#windows.entries();
  }

  /** An upper limit for the length of all windows as text. */
  get maxBytes(): number {
    return 2 + this.#nameLength + this.#windows.size * MAX_WINDOW_BYTES + this.#ranges * MAX_RANGE_BYTES;
  }

  /** Says that a block that ends at `seq` has all windows. Changes count from here. */
  settle(seq: number): void {
    this.#settledAt = seq;
    this.#forgotten = null;
    this.#trimmed = null;
  }

  /** RFC 8785 text of all windows, by boot id. */
  formatAll(): string {
    if (this.#windows.size === 1) {
      for (const [producer, window] of this.#windows) return `{${formatWindow(producer, window)}}`;
    }
    return this.#format([...this.#windows.keys()]);
  }

  /** RFC 8785 text of the windows that have changed since `settle`, and null for each that is gone. */
  formatChanged(): string {
    const changed = new Set(this.#forgotten ?? []);
    for (const [producer, { seen }] of this.#windows) {
      if (seen > this.#settledAt || this.#trimmed?.has(producer)) changed.add(producer);
    }
    return this.#format([...changed]);
  }

  #format(producers: string[]): string {
    if (producers.length > 1) producers.sort();
    return `{${producers.map((producer) => formatWindow(producer, this.#windows.get(producer))).join(',')}}`;
  }

  #put(producer: string, { last, missing, floor, seen }: ProducerWindow, born: number): void {
    this.#windows.set(producer, { last, missing: [...missing], floor, seen, born });
    this.#ranges += missing.length;
    this.#nameLength += producer.length;
  }

  #forgetOldest(): void {
    let oldest: string | undefined;
    let seen = Infinity;
    for (const [producer, window] of this.#windows) {
      if (window.seen >= seen) continue;
      oldest = producer;
      ({ seen } = window);
    }
    if (oldest === undefined) return;
    const { born, missing } = this.#windows.get(oldest) as OpenWindow;
    this.#windows.delete(oldest);
    this.#ranges -= missing.length;
    this.#nameLength -= oldest.length;
    if (born <= this.#settledAt) this.#noteForgotten(oldest);
    this.#trimmed?.delete(oldest);
  }

  /** Takes one number out of the missing ranges. @returns false: no range has it */
  #fill({ missing }: OpenWindow, number: number): boolean {
    // Binary search for the first range that does not end before the number: a verifier keeps every range.
    let i = 0;
    for (let end = missing.length; i < end;) {
      const middle = (i + end) >>> 1;
      if ((missing[middle] as SequenceRange)[1] < number) i = middle + 1;
      else end = middle;
    }
    const range = missing[i];
    if (!range || number < range[0]) return false;
    const rest: SequenceRange[] = [];
    if (range[0] < number) rest.push([range[0], number - 1]);
    if (number < range[1]) rest.push([number + 1, range[1]]);
    missing.splice(i, 1, ...rest);
    this.#ranges += rest.length - 1;
    return true;
  }

  /** An event adds at most one range, so dropping one is enough. */
  #bound(window: OpenWindow): void {
    if (window.missing.length > this.#limits.missing) this.#dropLowest(window);
    this.#boundAll();
  }

  #boundAll(): void {
    if (this.#ranges <= this.#limits.chainMissing) return;
    let most: [string, OpenWindow] | undefined;
    for (const one of this.#windows) {
      const ranges = one[1].missing.length;
      const before = most?.[1].missing.length ?? 0;
      if (ranges > before || (ranges === before && most && one[1].seen < most[1].seen)) most = one;
    }
    if (!most) return;
    this.#dropLowest(most[1]);
    this.#noteTrimmed(most[0]);
  }

  /** The sets are made on demand, because few chains need them. */
  #noteForgotten(producer: string): void {
    this.#forgotten ??= new Set();
    this.#forgotten.add(producer);
  }

  #noteTrimmed(producer: string): void {
    this.#trimmed ??= new Set();
    this.#trimmed.add(producer);
  }

  #dropLowest(window: OpenWindow): void {
    const lowest = window.missing.shift();
    if (!lowest) return;
    window.floor = lowest[1];
    this.#ranges--;
  }
}

/** The length of `"":{"floor":,"last":,"missing":[],"seen":},` with three numbers of 16 digits. */
const MAX_WINDOW_BYTES = 91;
/** The length of `[,],` with two numbers of 16 digits. */
const MAX_RANGE_BYTES = 36;

/** RFC 8785 text of one window. Names of publishers have no characters that JSON escapes. */
function formatWindow(producer: string, window: ProducerWindow | undefined): string {
  if (!window) return `"${producer}":null`;
  const { floor, last, missing, seen } = window;
  const ranges = missing.length === 0 ? '[]' : JSON.stringify(missing);
  return `"${producer}":{"floor":${floor},"last":${last},"missing":${ranges},"seen":${seen}}`;
}
