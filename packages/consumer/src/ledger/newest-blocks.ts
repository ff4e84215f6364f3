/**
 * The newest blocks of many chains in few requests (`multi_last` of `DIRECT.GET`, ADR-31, nats-server 2.11).
 *
 * Any replica may answer, also one that lags: an answer counts only if it knows the stream at least up to a sequence
 * that the caller knows to be stored. Should it be old all the same, no harm is done to who writes: a block that does not
 * continue its chain's newest one is refused.
 */
import type { Msg, NatsConnection } from '@nats-io/nats-core';
import { formatLedgerSubject } from '@waybill/schema';
import { getDirect } from '../nats/direct-get.ts';
import type { DirectMessage } from '../nats/direct-message.ts';
import type { LedgerPlace } from './find-block.ts';

/** The server refuses requests for more than 1,024; one is for the caller's `known`. */
export const MAX_CHAINS = 1_023;
/** Of blocks in one answer, so that the server does not queue half a gigabyte for one client. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

export interface LastBlocksRequest {
  readonly nc: NatsConnection;
  readonly ledger: LedgerPlace;
  /** At most `MAX_CHAINS`. */
  readonly orgids: readonly string[];
  readonly timeoutMs: number;
  /** Called for each chain that has a block, while the blocks arrive; none of them is kept. */
  readonly onBlock: (message: DirectMessage, delivered: Msg) => void;
}

export interface NewestRequest extends LastBlocksRequest {
  /** The newest block that is known to be stored; null for an empty ledger. */
  readonly known: { readonly orgid: string; readonly seq: number } | null;
}

/**
 * @returns whether all that there is was handed over. If not, the leader has to be asked: whoever answered does not know
 *   of `known` yet (`behind`), or there was no answer (`silent`)
 * @throws whatever `onBlock` throws
 */
export async function readNewestBlocks({ known, ...request }: NewestRequest): Promise<'all' | 'behind' | 'silent'> {
  const { orgids } = request;
  // Together with a chain that has a block: an answer without any does not say up to where it knows the stream.
  const asked = known === null || orgids.includes(known.orgid) ? orgids : [...orgids, known.orgid];
  const upTo = await readLastBlocks({ ...request, orgids: asked }, {});
  if (upTo === null) return 'silent';
  return upTo >= (known?.seq ?? 0) ? 'all' : 'behind';
}

/**
 * As one replica has them, of all blocks or of those stored before a time.
 *
 * @returns the sequence of the stream up to which it looked; 0: no chain has a block there; null: there was no (whole) answer
 */
export async function readLastBlocks(
  { nc, ledger, orgids, timeoutMs, onBlock }: LastBlocksRequest,
  limit: { readonly up_to_time?: string },
): Promise<number | null> {
  const subjects = orgids.map((orgid) => formatLedgerSubject(orgid, ledger.ledgerPrefix));
  let rest: Readonly<Record<string, unknown>> = limit;
  for (;;) {
    const end = await getDirect({
      nc,
      stream: ledger.ledgerStream,
      query: { multi_last: subjects, max_bytes: MAX_ANSWER_BYTES, ...rest },
      silenceMs: timeoutMs,
      onMessage: onBlock,
    });
    if (end.kind === 'none') return 0;
    if (end.kind !== 'whole') return null;
    if (end.pending === 0) return end.upTo;
    rest = { seq: end.last + 1, up_to_seq: end.upTo };
  }
}
