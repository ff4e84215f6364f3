/**
 * Sends sealed blocks, one by one or in atomic batches, and waits for their acknowledgements.
 *
 * Each block is a compare-and-swap on its chain: the server stores it only if the chain's newest block is still the one
 * that it continues.
 */
import type { NatsConnection } from '@nats-io/nats-core';
import { formatLedgerSubject, SYSTEM_CHAIN } from '@waybill/schema/internal';
import { inParallel } from '../in-parallel.ts';
import type { Settings } from '../settings.ts';
import { WRITER_HEADER } from '../ledger/ledger-end.ts';
import { BASE_HEADER } from '../ledger/stored-block.ts';
import type { AckInbox } from '../nats/ack-inbox.ts';
import {
  areBatchesUnavailable,
  type BatchMessage,
  createBatchSender,
  cutIntoBatches,
  fillBatches,
} from '../nats/atomic-batch.ts';
import type { HeaderList } from '../nats/message-headers.ts';
import type { ChainCache } from './chain-cache.ts';
import type { SealedBlock } from './open-blocks.ts';
import { IN_THIS_BLOCK, STREAMS_HEADER } from './stream-recorder.ts';
import type { WriterPaths } from './writer-paths.ts';

/**
 * Stream sequence of the block that this one follows in its chain, 0 for none: the condition of the compare-and-swap.
 */
const EXPECTED_LAST = 'Nats-Expected-Last-Subject-Sequence';

export interface BlockSenderOptions {
  readonly nc: NatsConnection;
  readonly inbox: AckInbox;
  readonly settings: Settings;
  readonly writer: string;
  readonly cache: ChainCache;
  readonly paths: WriterPaths;
  readonly minBatchedBlocks: number;
  /** Whether stream and server take atomic batches. */
  readonly takesBatches: boolean;
}

/** Once one of its promises has rejected, use another sender. */
export interface BlockSender {
  /** Stores blocks of one chain in their order. */
  sendInOrder(blocks: readonly SealedBlock[]): Promise<void>;
  /**
   * Stores blocks of several chains other than `_system`: those of each chain in their order, the chains side by side.
   */
  sendChains(chains: readonly (readonly SealedBlock[])[]): Promise<void>;
  /** The newest block that it stored; null before the first. */
  readonly newest: { readonly orgid: string; readonly seq: number } | null;
  /** Stream sequence of the block with the newest record of how the streams are configured; null: none is known. */
  streamRecordAt: number | null;
}

export function createBlockSender(options: BlockSenderOptions): BlockSender {
  const { nc, inbox, settings, cache, minBatchedBlocks } = options;
  const printHeaders = options.paths.makeHeaderPrinter([
    ['Nats-Expected-Stream', settings.ledgerStream],
    [WRITER_HEADER, options.writer],
  ]);
  const batchSender = createBatchSender({ nc, inbox, printHeaders });
  let { takesBatches } = options;
  let newest: BlockSender['newest'] = null;
  let streamRecordAt: number | null = null;

  const subjectOf = ({ orgid }: SealedBlock): string => formatLedgerSubject(orgid, settings.ledgerPrefix);

  async function send(block: SealedBlock): Promise<void> {
    const list = [...conditionsOf(cache, block), ...streamsHeader(block, streamRecordAt)];
    const { seq } = await inbox.publish(subjectOf(block), block.payload(), printHeaders(list));
    if (block.hasStreamRecord) streamRecordAt = seq;
    settle(block, seq);
  }

  function settle(block: SealedBlock, seq: number): void {
    const { orgid, base } = block;
    cache.update(orgid, { seq, hasAllPublishers: base === null });
    if (seq > (newest?.seq ?? 0)) newest = { orgid, seq };
    block.stored();
  }

  /** Only the acknowledgement of one block says what the next has to follow. */
  async function sendInOrder(blocks: readonly SealedBlock[]): Promise<void> {
    for (const block of blocks) await send(block);
  }

  async function sendBatch(blocks: readonly SealedBlock[]): Promise<void> {
    try {
      const first = await batchSender.send(messagesOf(blocks), blocks.length);
      for (const [i, block] of blocks.entries()) settle(block, first + i);
    } catch (error) {
      if (!areBatchesUnavailable(error)) throw error;
      // Nothing of the batch is stored.
      takesBatches = false;
      await inParallel(blocks, chainsAtOnce(blocks), send);
    }
  }

  /** One after the other: each block is copied when it is sent. */
  function* messagesOf(blocks: readonly SealedBlock[]): Generator<BatchMessage> {
    for (const block of blocks)
      yield { subject: subjectOf(block), payload: block.payload(), headers: conditionsOf(cache, block) };
  }

  return {
    sendInOrder,
    async sendChains(chains) {
      let rest = chains;
      for (;;) {
        const next = rest.map(([block]) => block as SealedBlock);
        if (!takesBatches || !fillBatches(next, minBatchedBlocks)) break;
        await inParallel(cutIntoBatches(next), BATCHES_AT_ONCE, sendBatch);
        rest = rest.map((blocks) => blocks.slice(1)).filter((blocks) => blocks.length > 0);
      }
      await inParallel(rest, chainsAtOnce(rest.flat()), sendInOrder);
    },
    get newest() {
      return newest;
    },
    get streamRecordAt() {
      return streamRecordAt;
    },
    set streamRecordAt(seq) {
      streamRecordAt = seq;
    },
  };
}

/** Which block the server has to find as the chain's newest, and where the block is that the trailer adds to. */
function conditionsOf(cache: ChainCache, { orgid, base }: SealedBlock): HeaderList {
  const condition = [EXPECTED_LAST, cache.newest(orgid)] as const;
  return base === null ? [condition] : [condition, [BASE_HEADER, cache.base(orgid)]];
}

/** Where a reader of a `_system` block finds the newest record of how the streams are configured. */
function streamsHeader({ orgid, hasStreamRecord }: SealedBlock, recordAt: number | null): HeaderList {
  if (hasStreamRecord) return [[STREAMS_HEADER, IN_THIS_BLOCK]];
  return orgid === SYSTEM_CHAIN && recordAt !== null ? [[STREAMS_HEADER, recordAt]] : [];
}

/** Atomic batches that are on their way at once: while the server stores one, the next is made and sent. */
const BATCHES_AT_ONCE = 3;
/** Bytes of blocks that are on their way at once, about: the client copies what it packs for the socket. */
const BYTES_AT_ONCE = 2 * 1024 * 1024;

function chainsAtOnce(blocks: readonly SealedBlock[]): number {
  const bytes = blocks.reduce((sum, block) => sum + block.bytes, 0);
  return Math.max(16, Math.min(1_024, Math.floor((BYTES_AT_ONCE * blocks.length) / Math.max(1, bytes))));
}
