/**
 * The totals of a growing chain: the sums of `addVolume`, changed in place. An entry changes three of ten numbers.
 * Making all ten anew for each entry would be most of the garbage of a writer that keeps thousands of chains.
 */
import { detached } from '../json/detached.ts';
import { DECIMAL_PATTERN, type Tally, type Totals, type Volume } from './volume.ts';

/** A double while it is exact, and then a BigInt. */
type Sum = number | bigint;

export class RunningTotals {
  #events: Sum;
  readonly #uploads: RunningTally;
  readonly #downloads: RunningTally;
  readonly #deduplicated: RunningTally;
  /** The RFC 8785 texts before and after `events`. An entry changes at most one of them. */
  readonly #beforeEvents: KeptText;
  readonly #afterEvents: KeptText;

  constructor({ events, uploads, downloads, deduplicated }: Totals) {
    this.#events = parse(events);
    this.#uploads = new RunningTally(uploads);
    this.#downloads = new RunningTally(downloads);
    this.#deduplicated = new RunningTally(deduplicated);
    this.#beforeEvents = new KeptText();
    this.#afterEvents = new KeptText();
  }

  add({ kind, bytes }: Volume): void {
    this.#events = add(this.#events, 1);
    if (kind === 'none') return;
    if (kind === 'upload') {
      this.#uploads.add(bytes);
      this.#afterEvents.change();
    } else {
      (kind === 'download' ? this.#downloads : this.#deduplicated).add(bytes);
      this.#beforeEvents.change();
    }
  }

  read(): Totals {
    return {
      events: String(this.#events),
      uploads: this.#uploads.read(),
      downloads: this.#downloads.read(),
      deduplicated: this.#deduplicated.read(),
    };
  }

  /** RFC 8785 text. */
  format(): string {
    const before =
      this.#beforeEvents.text ??
      this.#beforeEvents.keep(
        `{"deduplicated":${this.#deduplicated.format()},"downloads":${this.#downloads.format()},"events":"`,
      );
    const after = this.#afterEvents.text ?? this.#afterEvents.keep(`","uploads":${this.#uploads.format()}}`);
    return before + this.#events + after;
  }

  /** Whether all sums have few enough digits to stand in an entry. */
  get areDecimal(): boolean {
    return (
      isDecimal(this.#events) && this.#uploads.isDecimal && this.#downloads.isDecimal && this.#deduplicated.isDecimal
    );
  }
}

class RunningTally {
  #count: Sum;
  #bytes: Sum;
  #unknown: Sum;

  constructor({ count, bytes, unknown }: Tally) {
    this.#count = parse(count);
    this.#bytes = parse(bytes);
    this.#unknown = parse(unknown);
  }

  add(bytes: string | null): void {
    this.#count = add(this.#count, 1);
    if (bytes === null) this.#unknown = add(this.#unknown, 1);
    else this.#bytes = add(this.#bytes, parse(bytes));
  }

  read(): Tally {
    return { count: String(this.#count), bytes: String(this.#bytes), unknown: String(this.#unknown) };
  }

  format(): string {
    return `{"bytes":"${this.#bytes}","count":"${this.#count}","unknown":"${this.#unknown}"}`;
  }

  get isDecimal(): boolean {
    return isDecimal(this.#count) && isDecimal(this.#bytes) && isDecimal(this.#unknown);
  }
}

/**
 * Keeps a text from the second time on that it is asked for. One that changes with every entry is not worth keeping.
 */
class KeptText {
  text: string | null = null;
  #wasMade = false;

  change(): void {
    this.text = null;
    this.#wasMade = false;
  }

  keep(text: string): string {
    // `detached` makes it flat. V8 would join the parts of a template again each time that the text is used.
    if (this.#wasMade) this.text = detached(text);
    this.#wasMade = true;
    return text;
  }
}

function parse(decimal: string): Sum {
  return decimal.length <= 15 ? Number(decimal) : BigInt(decimal);
}

function add(a: Sum, b: Sum): Sum {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (sum <= Number.MAX_SAFE_INTEGER) return sum;
  }
  return BigInt(a) + BigInt(b);
}

function isDecimal(sum: Sum): boolean {
  return typeof sum === 'number' || DECIMAL_PATTERN.test(String(sum));
}
