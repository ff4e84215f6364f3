/** Since when a number was missing: an acknowledgement that was made before says nothing about it. */
import type { Origin } from '../event/origin.ts';
import { comparePlaces } from '../ledger/entry.ts';
import type { ProducerWindow } from '../ledger/producer-window.ts';
import { type AcknowledgedBy, type AuditPlace, type LossAcknowledgement, placeOf } from './acknowledgements.ts';

/** Numbers that a publisher gave to events of one organization, and that are not in its chain. Inclusive. */
export interface MissingRange {
  readonly producer: string;
  readonly first: number;
  readonly last: number;
  /** Somebody knows why. Absent when nobody has said so. */
  readonly acknowledged?: AcknowledgedBy;
}

/** Numbers that were skipped at once, by the event after them. */
interface Skipped {
  readonly first: number;
  readonly last: number;
  readonly since: AuditPlace;
}

export interface LossTimes {
  /** Adds an event before its publisher's window has it. */
  add(origin: Origin, place: AuditPlace, window: ProducerWindow | undefined): void;
  /** What a publisher's missing ranges are made of: each part is acknowledged as a whole, or not at all. */
  split(
    producer: string,
    missing: ProducerWindow['missing'],
    acknowledgements: readonly LossAcknowledgement[],
  ): MissingRange[];
}

/** So many more than are missing are kept for a publisher whose events come late. */
const SLACK = 64;

export function createLossTimes(): LossTimes {
  const byPublisher = new Map<string, Skipped[]>();

  return {
    add({ producer, producerseq }, place, window) {
      const first = (window?.last ?? 0) + 1;
      if (producerseq <= first) return;
      const own = byPublisher.get(producer) ?? [];
      const kept = own.length > 2 * (window?.missing.length ?? 0) + SLACK ? stillMissing(own, window) : own;
      byPublisher.set(producer, kept);
      kept.push({ first, last: producerseq - 1, since: placeOf(place) });
    },
    split(producer, missing, acknowledgements) {
      const skipped = byPublisher.get(producer) ?? [];
      let at = 0;
      return missing.flatMap(([first, last]) => {
        // Both ascend. A number that came lies between what was skipped at different times, so a range is of one time.
        while ((skipped[at] as Skipped).last < first) at++;
        const { since } = skipped[at] as Skipped;
        return splitRange({ producer, first, last }, since, acknowledgements);
      });
    },
  };
}

/** All that came late is forgotten. */
function stillMissing(skipped: readonly Skipped[], window: ProducerWindow | undefined): Skipped[] {
  const missing = window?.missing ?? [];
  let at = 0;
  return skipped.filter((one) => {
    while (at < missing.length && (missing[at] as readonly [number, number])[1] < one.first) at++;
    const range = missing[at];
    return range !== undefined && range[0] <= one.last;
  });
}

function splitRange(
  range: MissingRange,
  since: AuditPlace,
  acknowledgements: readonly LossAcknowledgement[],
): MissingRange[] {
  let parts: MissingRange[] = [range];
  for (const one of acknowledgements) {
    if (one.producer !== range.producer || one.last === null || comparePlaces(one.place, since) <= 0) continue;
    if (one.first > range.last || one.last < range.first) continue;
    parts = parts.flatMap((part) => cutOut(part, one));
  }
  return parts;
}

function cutOut(part: MissingRange, { first, last, record }: LossAcknowledgement): MissingRange[] {
  const [from, to] = [Math.max(part.first, first), Math.min(part.last, last ?? 0)];
  if (part.acknowledged || from > to) return [part];
  const cut: MissingRange[] = [{ ...part, first: from, last: to, acknowledged: record }];
  if (part.first < from) cut.unshift({ ...part, last: from - 1 });
  if (to < part.last) cut.push({ ...part, first: to + 1 });
  return cut;
}
