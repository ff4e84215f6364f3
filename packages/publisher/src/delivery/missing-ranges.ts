/**
 * Bounds the missing ranges in an organization's numbers.
 *
 * A chain remembers `MAX_MISSING` ranges of missing numbers for each publisher (docs/reference/format.md §9). With one
 * more, it forgets the lowest, and an event with a number in that range is not chained when it comes. So a publisher
 * sends nothing that could make more ranges.
 *
 * Only numbers at or above the lowest number that may still come count. Such a number waits for a permission, or is in
 * flight and may be refused. A range is a run of numbers that are not stored, below a number that is. Waiting and
 * dropped numbers are not stored. Any number in flight may be refused, so n of them may turn into n/2 ranges. Bounds
 * are counted in half ranges.
 *
 * One case is not counted: numbers whose acknowledgements were lost with a connection, and which then may not be
 * published any more. They wait, and count as one run that is not stored, though any of them may be. To hold everything
 * else of the organization until the permission is back would be worse. Such numbers take from the other half.
 */
import { MAX_MISSING } from '@waybill/schema/internal';

/** The other half is for events of a publisher that dies: the next one sends them, and may make ranges of its own. */
export const MAX_OPEN_RANGES = MAX_MISSING / 2;
/**
 * Of these, ranges of waiting and dropped numbers. The rest is for numbers in flight: without it nothing could be sent.
 */
export const MAX_UNSENT_RANGES = MAX_OPEN_RANGES / 2;
/** When the bound is reached, sending waits until this many are in flight: many small writes cost more than a few. */
const LOW_MARK = MAX_OPEN_RANGES;

/**
 * Whether an event may be sent now. This is our own answer, and not the server's permission for its subject.
 *
 * `send`: counts as sent now. `wait`: try again when a number in flight is settled. `hold`: try again when the waiting
 * numbers have changed; only sending or dropping one of them helps.
 */
export type Permission = 'send' | 'wait' | 'hold';

/** The numbers of one organization and boot id. */
export class MissingRanges {
  /**
   * Numbers that were sent, as ascending ranges that do not touch. Ranges below the lowest open number are forgotten.
   */
  readonly #sent: [first: number, last: number][] = [];
  /** Numbers that were sent and are not settled, ascending. */
  readonly #inFlight: number[] = [];
  #full = false;

  get inFlight(): number {
    return this.#inFlight.length;
  }

  /**
   * @param number is not in flight
   * @param lowestWaiting the lowest number that waits, perhaps this one
   */
  trySend(number: number, lowestWaiting = Infinity): Permission {
    if (this.#full && this.#inFlight.length > LOW_MARK) return 'wait';
    this.#full = false;
    const low = Math.min(this.#inFlight[0] ?? Infinity, lowestWaiting, number);
    this.#forgetBelow(low);
    const before = this.#sent.length > 0 ? this.#unsentRanges(low) : 0;
    this.#add(number);
    const [first, more] = this.#sent;
    // The usual case: everything is one run of numbers in flight.
    if (more === undefined && first !== undefined && first[1] - low < 2 * MAX_OPEN_RANGES) return 'send';
    const unsent = this.#unsentRanges(low);
    const makesOne = unsent > before && unsent > MAX_UNSENT_RANGES;
    if (!makesOne && (this.#inFlight.length === 1 || this.#halfRanges(low) <= 2 * MAX_OPEN_RANGES)) return 'send';
    this.notStored(number);
    if (makesOne) return 'hold';
    this.#full = true;
    return 'wait';
  }

  /** It is in the stream. */
  stored(number: number): void {
    const inFlight = this.#inFlight;
    // Usually the numbers come in the order of sending.
    if (inFlight[0] === number) inFlight.shift();
    else removeFrom(inFlight, number);
  }

  /** It counted as not sent, and turns out to be in the stream. */
  found(number: number): void {
    this.#add(number);
    this.stored(number);
  }

  /** It was sent and is not in the stream: it waits now, or was dropped. */
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
    const inFlight = this.#inFlight;
    if ((inFlight.at(-1) ?? 0) < number) inFlight.push(number);
    else inFlight.splice(firstAbove(inFlight, number), 0, number);
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

  /** How many runs of numbers from `low` on were not sent. */
  #unsentRanges(low: number): number {
    return this.#sent.length - (this.#sent[0]?.[0] === low ? 1 : 0);
  }

  /**
   * The most half ranges that there can be, whatever becomes of the numbers in flight. Each number in flight counts one
   * half. A stored number counts a whole range after one that was not sent, and a half after one in flight. A number in
   * flight after one that was not sent counts another half.
   */
  #halfRanges(low: number): number {
    const inFlight = this.#inFlight;
    let halves = inFlight.length;
    let next = 0;
    for (const [first, last] of this.#sent) {
      while ((inFlight[next] ?? Infinity) < first) next++;
      if (first > low) halves += inFlight[next] === first ? 1 : 2;
      for (; (inFlight[next] ?? Infinity) <= last; next++) {
        const above = (inFlight[next] as number) + 1;
        if (above <= last && inFlight[next + 1] !== above) halves++;
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
