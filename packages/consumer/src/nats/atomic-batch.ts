/**
 * Many small blocks at once: JetStream's atomic batches (ADR-50). The server checks each block's condition when the last
 * one is there, and stores all or none. With `sync_interval: always` a batch is a handful of syncs where single blocks
 * are one each, and it is one acknowledgement.
 *
 * Nothing here is safe only because a batch is stored as a whole: each block is a compare-and-swap on its chain, as a
 * single one is, so any part of a batch would be as good as the same single blocks.
 */
import { type NatsConnection, Nuid } from '@nats-io/nats-core';
import { type AckInbox, RefusedError } from './ack-inbox.ts';
import type { BlockHeaders, OwnHeaders } from './prepared-headers.ts';
import { isOlder } from './connect.ts';
import type { SealedBlock } from '../writer/open-blocks.ts';

/** The stream sequence of a chain's newest block: what makes each block a compare-and-swap. */
export const EXPECTED_LAST = 'Nats-Expected-Last-Subject-Sequence';

/** The server's own limit. */
const MAX_BATCH_BLOCKS = 1_000;
/** What the client packs for the socket is in memory a second time, and the server holds a batch until it is whole. */
const MAX_BATCH_BYTES = 2 * 1024 * 1024;

/**
 * From here on a batch is synced once. Servers of 2.12 and later know batches and sync each block; older ones ignore the
 * headers, and store each block as if it were alone.
 */
const BATCHING_SERVER = '2.15.0';

/** "Atomic publish is disabled", and "batch is too large", by an operator's limit: nothing of it is stored. */
const UNAVAILABLE = new Set([10_174, 10_199]);

/** Whether the server knows batches, and gains by them. */
export function knowsBatches({ info }: NatsConnection): boolean {
  return !isOlder(info?.version ?? '0.0.0', BATCHING_SERVER);
}

export function areBatchesUnavailable(error: unknown): boolean {
  return error instanceof RefusedError && UNAVAILABLE.has(error.errCode);
}

/** Whether blocks are so small that batches of them have at least so many. */
export function arePlenty(blocks: readonly SealedBlock[], least: number): boolean {
  const bytes = blocks.reduce((sum, block) => sum + block.bytes, 0);
  return blocks.length >= least && bytes <= blocks.length * (MAX_BATCH_BYTES / least);
}

/** Blocks of different chains, cut into batches. */
export function cutIntoBatches(blocks: readonly SealedBlock[]): SealedBlock[][] {
  const batches: SealedBlock[][] = [];
  let open: SealedBlock[] = [];
  let bytes = 0;
  for (const block of blocks) {
    if (open.length === MAX_BATCH_BLOCKS || (open.length > 0 && bytes + block.bytes > MAX_BATCH_BYTES)) {
      batches.push(open);
      open = [];
      bytes = 0;
    }
    open.push(block);
    bytes += block.bytes;
  }
  if (open.length > 0) batches.push(open);
  return batches;
}

export interface BatchSender {
  /**
   * Sends blocks of different chains, and waits until they are stored.
   *
   * @returns the sequence in the stream of the first; the others follow it
   * @throws RefusedError and nothing is stored; any other Error, and they may be
   */
  send(blocks: readonly SealedBlock[]): Promise<number>;
}

export interface BatchSenderOptions {
  readonly nc: NatsConnection;
  readonly inbox: AckInbox;
  readonly headers: BlockHeaders;
  readonly subjectOf: (orgid: string) => string;
  /** What a block is stored with, alone or in a batch. */
  readonly headersOf: (block: SealedBlock) => OwnHeaders;
}

export function createBatchSender({ nc, inbox, headers, subjectOf, headersOf }: BatchSenderOptions): BatchSender {
  // Short, since it is stored with each block for ever. Should another writer ever have the same, both are refused. Its own
  // generator, because one generator's ids begin alike: the session before may have left a batch that the server still holds.
  const tag = new Nuid().next().slice(0, 6);
  let number = 0;

  return {
    async send(blocks) {
      const id = `${tag}${(++number).toString(36)}`;
      const publish = (block: SealedBlock, i: number) => {
        const { orgid, payload } = block;
        const own: OwnHeaders = [['Nats-Batch-Id', id], ['Nats-Batch-Sequence', i + 1], ...headersOf(block)];
        if (i < blocks.length - 1) return nc.publish(subjectOf(orgid), payload(), { headers: headers.with(own) });
        return inbox.publish(subjectOf(orgid), payload(), headers.with([...own, ['Nats-Batch-Commit', 1]]));
      };
      const ack = await blocks.map(publish).at(-1);
      if (ack?.batch !== id || ack.count !== blocks.length)
        throw new Error(`batch ${id} of ${blocks.length} blocks was acknowledged as ${ack?.batch} of ${ack?.count}`);
      return ack.seq - blocks.length + 1;
    },
  };
}
