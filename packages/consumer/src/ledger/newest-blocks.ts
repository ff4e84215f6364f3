/**
 * The newest blocks of many chains in few requests (`multi_last` of `DIRECT.GET`, ADR-31, nats-server 2.11).
 *
 * Any replica may answer, also one that lags. So an answer counts only if it knows the stream at least up to a sequence
 * that the caller knows to be stored. Even an old answer does no harm to a writer: the server refuses a block that does
 * not continue its chain's newest one.
 */
import type { Msg, NatsConnection } from '@nats-io/nats-core';
import { formatLedgerSubject } from '@waybill/schema/internal';
import { getDirect } from '../nats/direct-get.ts';
import type { DirectMessage } from '../nats/direct-message.ts';
import type { LedgerSettings } from './stored-block.ts';

/** The server's limit is 1,024 subjects in a request; one of them is for the caller's `known`. */
export const MAX_CHAINS = 1_023;
/** Approximate size of one answer. Without it, the server might queue half a gigabyte for one client. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

export interface LastBlocksRequest {
  readonly nc: NatsConnection;
  readonly ledger: LedgerSettings;
  /** At most `MAX_CHAINS`. */
  readonly orgids: readonly string[];
  readonly timeoutMs: number;
  /** Called for each chain that has a block, when the block arrives. */
  readonly onBlock: (message: DirectMessage, delivered: Msg) => void;
}

export interface NewestRequest extends LastBlocksRequest {
  /** The newest block that is known to be stored; null for an empty ledger. */
  readonly known: { readonly orgid: string; readonly seq: number } | null;
}

/**
 * Reads the newest block of each chain.
 *
 * @returns `all` when every block was handed over. Otherwise the leader has to be asked: the replica that answered does
 *   not know `known` yet (`behind`), or no whole answer came (`silent`)
 * @throws whatever `onBlock` throws
 */
export async function readNewestBlocks({ known, ...request }: NewestRequest): Promise<'all' | 'behind' | 'silent'> {
  const { orgids } = request;
  // One of the chains must have a block: an answer without blocks does not say how much of the stream the replica
  // knows.
  const asked = known === null || orgids.includes(known.orgid) ? orgids : [...orgids, known.orgid];
  const upTo = await readLastBlocks({ ...request, orgids: asked }, {});
  if (upTo === null) return 'silent';
  return upTo >= (known?.seq ?? 0) ? 'all' : 'behind';
}

/**
 * Reads the last block of each chain as one replica has them: of all blocks, or of those up to a position.
 *
 * @returns the last sequence of the stream that the replica knows; 0 when no chain has a block there; null when no
 *   whole answer came
 */
export async function readLastBlocks(
  { nc, ledger, orgids, timeoutMs, onBlock }: LastBlocksRequest,
  limit: { readonly up_to_seq?: number },
): Promise<number | null> {
  const subjects = orgids.map((orgid) => formatLedgerSubject(orgid, ledger.ledgerPrefix));
  let part: Readonly<Record<string, unknown>> = limit;
  for (;;) {
    const end = await getDirect({
      nc,
      stream: ledger.ledgerStream,
      query: { multi_last: subjects, max_bytes: MAX_ANSWER_BYTES, ...part },
      silenceMs: timeoutMs,
      onMessage: onBlock,
    });
    if (end.kind === 'none') return 0;
    if (end.kind !== 'whole') return null;
    if (end.pending === 0) return end.upTo;
    part = { seq: end.last + 1, up_to_seq: end.upTo };
  }
}
