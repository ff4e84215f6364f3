/**
 * How many holes an organization's numbers have where a number may still come.
 *
 * A chain remembers `MAX_MISSING` ranges of missing numbers for each publisher (docs/format.md §9). One more, and the lowest
 * is forgotten: a number in it that comes later is not chained. So a publisher sends nothing that could make more.
 *
 * What counts lies at or above the lowest number that may still come: it is parked, or it is in flight and may be refused.
 * A range is a run of numbers there that are not stored, below one that is. Parked and dropped numbers are not stored. Of
 * those in flight any may be refused, so n of them may turn into n/2 ranges. Bounds are counted in half ranges.
 */
import { MAX_MISSING } from '@waybill/schema';

/** The other half is for what a publisher leaves that dies: the next one sends it, and may make holes of its own. */
export const MAX_OPEN_RANGES = MAX_MISSING / 2;
/** Of these, ranges of parked and dropped numbers. The rest is for numbers in flight, or nothing could be sent. */
export const MAX_UNSENT_RANGES = MAX_OPEN_RANGES / 2;
/** While the bound is reached, numbers in flight go down to this many first: many small writes cost more than a few. */
const LOW_MARK = MAX_OPEN_RANGES;

/**
 * `send`: counts as sent now. `wait`: try again when something in flight has settled. `hold`: try again when the parked
 * numbers have changed; only sending or dropping some of those helps.
 */
export type Permission = 'send' | 'wait' | 'hold';

/** The numbers of one organization and boot id. */
export class MissingRanges {
  /** Sent, as ascending ranges that do not touch. Those that end below the lowest open number are forgotten. */
  readonly #sent: [first: number, last: number][] = [];
  /** In flight: sent and not settled, ascending. */
  readonly #flying: number[] = [];
  #full = false;

  get inFlight(): number {
    return this.#flying.length;
  }

  /**
   * @param number one that is not in flight
   * @param lowestParked of the numbers that wait, perhaps this one
   */
  trySend(number: number, lowestParked = Infinity): Permission {
    if (this.#full && this.#flying.length > LOW_MARK) return 'wait';
    this.#full = false;
    const low = Math.min(this.#flying[0] ?? Infinity, lowestParked, number);
    this.#forgetBelow(low);
    const before = this.#sent.length > 0 ? this.#unsentRanges(low) : 0;
    this.#add(number);
    const [first, more] = this.#sent;
    // Almost always: all of it is one run of numbers in flight.
    if (more === undefined && first !== undefined && first[1] - low < 2 * MAX_OPEN_RANGES) return 'send';
    const unsent = this.#unsentRanges(low);
    const makesOne = unsent > before && unsent > MAX_UNSENT_RANGES;
    if (!makesOne && (this.#flying.length === 1 || this.#halfRanges(low) <= 2 * MAX_OPEN_RANGES)) return 'send';
    this.notStored(number);
    if (makesOne) return 'hold';
    this.#full = true;
    return 'wait';
  }

  /** It is in the stream. */
  stored(number: number): void {
    const flying = this.#flying;
    // In the order of sending, mostly.
    if (flying[0] === number) flying.shift();
    else removeFrom(flying, number);
  }

  /** It counted as not sent, and is in the stream. */
  found(number: number): void {
    this.#add(number);
    this.stored(number);
  }

  /** It was sent and is not in the stream: parked now, or dropped. */
  notStored(number: number): void {
    this.stored(number);
    const i = this.#sent.findIndex(([, last]) => last >= number);
    const range = this.#sent[i];
    if (range === undefined || range[0] > number) return;
    const rest: [number, number][] = [];
    if (range[0] < number) rest.push([range[0], number - 1]);
    if (range[1] > number) rest.push([number + 1, range[1]]);
    this.#sent.splice(i, 1, ...rest);
  }

  #forgetBelow(low: number): void {
    const sent = this.#sent;
    while (sent[0] !== undefined && sent[0][1] < low) sent.shift();
    if (sent[0] !== undefined && sent[0][0] < low) sent[0][0] = low;
  }

  #add(number: number): void {
    const flying = this.#flying;
    if ((flying.at(-1) ?? 0) < number) flying.push(number);
    else flying.splice(firstAbove(flying, number), 0, number);
    const sent = this.#sent;
    const last = sent.at(-1);
    if (last !== undefined && last[1] === number - 1) {
      last[1] = number;
      return;
    }
    let i = sent.findIndex(([first]) => first > number);
    if (i === -1) i = sent.length;
    const below = sent[i - 1];
    const above = sent[i];
    const joinsBelow = below !== undefined && below[1] === number - 1;
    const joinsAbove = above !== undefined && above[0] === number + 1;
    if (joinsBelow && joinsAbove) {
      below[1] = above[1];
      sent.splice(i, 1);
    } else if (joinsBelow) below[1] = number;
    else if (joinsAbove) above[0] = number;
    else sent.splice(i, 0, [number, number]);
  }

  /** Runs of numbers that were not sent, from `low` on. */
  #unsentRanges(low: number): number {
    return this.#sent.length - (this.#sent[0]?.[0] === low ? 1 : 0);
  }

  /**
   * The most half ranges that there can be, whatever becomes of those in flight. Stored after not sent: a range. Stored
   * after in flight, and in flight after not sent: half of one beside the half for each that is in flight.
   */
  #halfRanges(low: number): number {
    const flying = this.#flying;
    let halves = flying.length;
    let next = 0;
    for (const [first, last] of this.#sent) {
      while ((flying[next] ?? Infinity) < first) next++;
      if (first > low) halves += flying[next] === first ? 1 : 2;
      for (; (flying[next] ?? Infinity) <= last; next++) {
        const above = (flying[next] as number) + 1;
        if (above <= last && flying[next + 1] !== above) halves++;
      }
    }
    return halves;
  }
}

function removeFrom(numbers: number[], number: number): void {
  const i = numbers.indexOf(number);
  if (i !== -1) numbers.splice(i, 1);
}

function firstAbove(numbers: readonly number[], number: number): number {
  const i = numbers.findIndex((other) => other > number);
  return i === -1 ? numbers.length : i;
}
