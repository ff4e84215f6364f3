/** What of the losses that an operator names is one, and what of it is acknowledged already. Pure. */
import type { AcknowledgedBy, MissingRange } from '@waybill/schema/internal';
import { ConsumerError } from '../errors.ts';
import type { ChainLosses } from '../ledger/losses.ts';

/** Numbers of a publisher, inclusive. `last` is null for the end of a publisher whose last stored one is `first` - 1. */
export interface Loss {
  /** The publisher's boot id. */
  readonly producer: string;
  readonly first: number;
  readonly last: number | null;
}

export interface PlannedLoss extends Loss {
  /** The record that acknowledges it; null when there is none yet. */
  readonly known: AcknowledgedBy | null;
}

/**
 * Each named loss, in parts: what is acknowledged already, and what is not.
 *
 * @throws ConsumerError NOT_LOST naming what the chain has instead
 */
export function planLosses(orgid: string, chain: ChainLosses, losses: readonly Loss[]): PlannedLoss[] {
  return losses.flatMap((loss) =>
    loss.last === null ? [planEnd(orgid, chain, loss)] : planRange(orgid, chain, { ...loss, last: loss.last }),
  );
}

function planRange(orgid: string, { holes, publisher }: ChainLosses, loss: Loss & { last: number }): PlannedLoss[] {
  const own = holes.filter(({ producer }) => producer === loss.producer).toSorted((a, b) => a.first - b.first);
  const parts: PlannedLoss[] = [];
  let next = loss.first;
  for (const { first, last, acknowledged = null } of own) {
    if (last < next || first > next || next > loss.last) continue;
    const end = Math.min(last, loss.last);
    parts.push({ producer: loss.producer, first: next, last: end, known: acknowledged });
    next = end + 1;
  }
  if (next > loss.last) return parts;
  const known = publisher(loss.producer);
  const why =
    known === undefined
      ? 'the chain has no event of this publisher'
      : next > known.last
        ? `its last number there is ${known.last}, and nobody knows yet what it lost after that`
        : `the chain has the event ${next}`;
  throw notLost(`${nameOf(loss)} is not missing in the chain of ${orgid}: ${why}; ${saidByVerify(own)}`);
}

function planEnd(orgid: string, { ends, publisher }: ChainLosses, loss: Loss): PlannedLoss {
  const { producer, first } = loss;
  const known = publisher(producer);
  const refuse = (why: string): never => {
    throw notLost(`the end of ${producer} after ${first - 1} is not open in the chain of ${orgid}: ${why}`);
  };
  if (known === undefined) return refuse('the chain has no event of this publisher');
  if (known.last !== first - 1) return refuse(`its last number there is ${known.last}, received at ${known.received}`);
  if (known.isClosed) return refuse('it has closed, and lost nothing after its last event');
  return { ...loss, known: ends.find((end) => end.producer === producer)?.acknowledged ?? null };
}

function saidByVerify(own: readonly MissingRange[]): string {
  if (own.length === 0) return 'verify lists nothing missing of it';
  const listed = own.slice(0, 5).map(nameOf);
  return `verify lists ${listed.join(', ')}${own.length > 5 ? ', …' : ''}`;
}

/** As `verify` prints it. */
export function nameOf({ producer, first, last }: Loss): string {
  if (last === null) return `the end of ${producer} after ${first - 1}`;
  return first === last ? `${producer} ${first}` : `${producer} ${first}-${last}`;
}

function notLost(message: string): ConsumerError {
  return new ConsumerError('NOT_LOST', message);
}
