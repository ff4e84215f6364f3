/**
 * Which numbers of the ledger the messages have that are in AUDIT now.
 *
 * For a stream of our own they are the stream's. For somebody else's they are shifted by the base of an epoch
 * (epoch.ts). A stream that was restored, or is a mirror, still has messages of earlier epochs. Those have the numbers
 * that they were chained with.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { LedgerSettings } from '../ledger/stored-block.ts';
import type { StreamItem } from '../nats/stream-item.ts';
import { type Epoch, epochBefore } from './epoch.ts';

/**
 * A stretch of messages whose numbers are shifted by the same base. `first` and `last` are the ledger's numbers,
 * inclusive.
 */
export interface Era {
  readonly base: number;
  readonly first: number;
  readonly last: number;
}

/**
 * The eras of the stream, ascending and at least one. The last one may have no message.
 *
 * @param epoch the one that the ledger is in
 * @param stretch the stream's own numbers, inclusive
 */
export async function readEras(
  jsm: JetStreamManager,
  ledger: LedgerSettings,
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

/** The eras without everything before a number of the ledger. */
export function erasFrom(eras: readonly [Era, ...Era[]], first: number): [Era, ...Era[]] {
  const newest = eras.at(-1) as Era;
  const left = eras.filter((era) => era.last >= first).map((era) => ({ ...era, first: Math.max(era.first, first) }));
  const [oldest = { ...newest, first: Math.max(newest.first, first) }, ...others] = left;
  return [oldest, ...others];
}

/** The eras without everything after a number of the ledger. */
export function erasUpTo(eras: readonly Era[], last: number): Era[] {
  return eras.map((era) => ({ ...era, last: Math.min(era.last, last) }));
}

/** The item with the ledger's numbers. A gap is cut into one piece for each era that it is in. */
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

/** The stream's own number for a number of the ledger; unchanged when it belongs to a stream that is gone. */
export function toStream(seq: number, eras: readonly Era[]): number {
  const era = eras.find(({ base, last }) => seq > base && seq <= last) ?? eras.at(-1);
  return era && seq > era.base ? seq - era.base : seq;
}
