/** The epoch that begins when the stream is another one: its number, and its first message. */
import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream';
import { EPOCH_STRIDE } from '@waybill/schema/internal';
import { ConsumerError } from '../errors.ts';
import { getNextMessage } from '../nats/leader-get.ts';
import type { StreamMismatch } from './stream-identity.ts';

/**
 * The next epoch whose numbers are above all numbers in the ledger. Chains that were not looked at may have entries
 * above the watermark, of commits that were interrupted. Half a stride has room for more than ever was in one commit.
 *
 * @param highest `source.seq` that is known
 * @throws ConsumerError STREAM_RESET when there is none
 */
export function epochAfter(highest: number): number {
  const epoch = Math.round(highest / EPOCH_STRIDE) + 1;
  if ((epoch + 1) * EPOCH_STRIDE <= Number.MAX_SAFE_INTEGER) return epoch;
  throw new ConsumerError('STREAM_RESET', `epoch ${epoch} has no numbers left: a new ledger is needed`);
}

/**
 * The first sequence that belongs to the epoch. Messages before it were chained in an earlier epoch: in a stream that
 * was restored or is a copy, messages have the times at which they were first stored.
 */
export async function firstSequenceOf(
  jsm: JetStreamManager,
  info: StreamInfo,
  { kind, known }: StreamMismatch,
): Promise<number> {
  const { received, position } = known;
  if (kind === 'renewed') return position + 1;
  if (received === '') return 1;
  // A message of a new stream is younger than the stream, even where the clocks of two servers are apart.
  const before = new Date(Date.parse(info.created) - 1).toISOString();
  const first = await firstAfter(jsm, info, kind === 'another' && before < received ? before : received);
  // All of the stream is new, and what it does not have any more is a gap.
  return first <= info.state.first_seq ? 1 : first;
}

/** The first sequence of a message that was stored after a time, or that of the next message. By bisection. */
async function firstAfter(jsm: JetStreamManager, { config, state }: StreamInfo, time: string): Promise<number> {
  let low = Math.max(state.first_seq, 1);
  let high = state.last_seq + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const message = await getNextMessage(jsm, config.name, { seq: middle });
    if (!message || message.time.toISOString() > time) high = middle;
    else low = message.seq + 1;
  }
  return low;
}
