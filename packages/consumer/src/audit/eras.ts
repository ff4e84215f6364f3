/**
 * Which numbers of the ledger the messages have that are in AUDIT now. With a stream of our own they are the stream's; with
 * somebody else's they are shifted by the base of an epoch (epoch.ts). A stream that was restored, or is a mirror, still
 * has messages of the epochs before: those have the numbers that they were chained with.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { LedgerPlace } from '../ledger/find-block.ts';
import type { StreamItem } from '../nats/stream-item.ts';
import { type Epoch, epochBefore } from './epoch.ts';

/** Messages whose numbers are shifted alike. Numbers are the ledger's, inclusive. */
export interface Era {
  readonly base: number;
  readonly first: number;
  readonly last: number;
}

/**
 * Ascending, and never empty: the last one may have no message.
 *
 * @param epoch the newest one
 * @param stretch numbers of the stream, inclusive
 */
export async function readEras(
  jsm: JetStreamManager,
  ledger: LedgerPlace,
  { epoch, stretch }: { epoch: Epoch; stretch: { first: number; last: number } },
): Promise<[Era, ...Era[]]> {
  const eras: [Era, ...Era[]] = [eraOf(epoch, stretch)];
  let at = epoch;
  let last = (epoch.record?.first ?? 1) - 1;
  while (at.record && last >= stretch.first) {
    at = await epochBefore(jsm, ledger, at);
    eras.unshift(eraOf(at, { first: stretch.first, last }));
    last = Math.min(last, (at.record?.first ?? 1) - 1);
  }
  return eras;
}

function eraOf({ base, record }: Epoch, { first, last }: { first: number; last: number }): Era {
  return { base, first: base + Math.max(first, record?.first ?? 1), last: base + last };
}

/** Without what is before a number of the ledger. */
export function erasFrom(eras: readonly [Era, ...Era[]], first: number): [Era, ...Era[]] {
  const newest = eras.at(-1) as Era;
  const left = eras.filter((era) => era.last >= first).map((era) => ({ ...era, first: Math.max(era.first, first) }));
  const [oldest = { ...newest, first: Math.max(newest.first, first) }, ...others] = left;
  return [oldest, ...others];
}

/** Without what is after a number of the ledger. */
export function erasUpTo(eras: readonly Era[], last: number): Era[] {
  return eras.map((era) => ({ ...era, last: Math.min(era.last, last) }));
}

/** The item with the ledger's numbers; a gap in as many pieces as there are eras in it. */
export function toLedger(item: StreamItem, eras: readonly Era[]): StreamItem[] {
  return eras.flatMap((era): StreamItem[] => {
    const { base, first, last } = era;
    if (item.kind === 'message') {
      const seq = item.seq + base;
      return seq >= first && seq <= last ? [{ ...item, seq }] : [];
    }
    const gap = { ...item, first: Math.max(item.first + base, first), last: Math.min(item.last + base, last) };
    return gap.first <= gap.last ? [gap] : [];
  });
}

/** A number of the ledger as the stream has it; as it is, when it is of a stream that is gone. */
export function toStream(seq: number, eras: readonly Era[]): number {
  const era = eras.find(({ base, last }) => seq > base && seq <= last) ?? eras.at(-1);
  return era && seq > era.base ? seq - era.base : seq;
}
