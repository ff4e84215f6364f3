/**
 * The LEDGER stream as the writer sees it: where chains stand, and storing blocks in an order that every crash
 * survives.
 *
 * The ledger is the only state. A writer that fails in any way forgets everything and opens the ledger again; there is
 * no other recovery. Two things make that safe, however many writers there are:
 *
 * - No chain can fork: each block is a compare-and-swap on its chain's newest block (block-sender.ts).
 * - No block claims what is not stored: the block that claims a watermark is sent when everything that it claims has
 *   been acknowledged.
 *
 * A check of the stream's last sequence would look stronger and is weaker. With several blocks in flight, each expects
 * the ones before it by their number, and another writer's blocks have the same numbers. So a block could be stored
 * whose predecessor was refused, and would claim what is not stored (test/consumer/ledger.test.ts).
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { type ChainState, SYSTEM_CHAIN } from '@waybill/schema/internal';
import type { Settings } from '../settings.ts';
import { readLedgerEnd } from '../ledger/ledger-end.ts';
import { createAckInbox, RefusedError } from '../nats/ack-inbox.ts';
import { knowsBatches } from '../nats/atomic-batch.ts';
import { createBlockSender } from './block-sender.ts';
import { createChainCache } from './chain-cache.ts';
import type { SealedBlock } from './open-blocks.ts';
import { PLAIN_PATHS, type WriterPaths } from './writer-paths.ts';

export interface LedgerOptions {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly settings: Settings;
  /**
   * Names this process in the header `Waybill-Writer` of each block. People read it, and a consumer that met a
   * conflict.
   */
  readonly writer: string;
  readonly ackTimeoutMs: number;
  /** How many chains are kept in memory, about. */
  readonly maxCachedChains: number;
  /** From so many chains on, small blocks are stored in atomic batches, if the stream takes those. */
  readonly minBatchedBlocks: number;
  /** Default: the plain ones. */
  readonly paths?: WriterPaths;
}

/** Once one of its promises has rejected, call nothing but `close`. */
export interface LedgerWriter {
  /** What the newest block claimed when the ledger was opened: every AUDIT message up to here is stored. */
  readonly foundWatermark: number;
  /** Stream sequence of the block with the newest record of how the streams are configured; null: none is known. */
  streamRecordAt: number | null;
  /** The state of each chain that is loaded. The fold changes it. */
  readonly chains: ReadonlyMap<string, ChainState>;
  /** Loads the chains that are not there. */
  load(orgids: Iterable<string>): Promise<void>;
  /** Forgets chains that nobody needs and that were not loaded lately, if there are too many. */
  evict(isNeeded: (orgid: string) => boolean): void;
  /**
   * Stores blocks: those of `_system`, then those of the other chains side by side. Several calls may be under way if
   * no two have blocks of the same chain, `_system` excepted.
   */
  store(blocks: readonly SealedBlock[]): Promise<void>;
  /** Stores blocks, and the last one, which claims the watermark, after all others. Nothing else may be under way. */
  storeClaim(blocks: readonly SealedBlock[]): Promise<void>;
  /** Fails what is under way. */
  fail(error: Error): void;
  close(): void;
}

/**
 * JetStream's error codes for a failed sequence check: "wrong last sequence", and its variant on replicated streams.
 */
const WRONG_LAST_SEQUENCE = new Set([10071, 10164]);

/** Whether storing failed because another writer was first. */
export function isConflict(error: unknown): boolean {
  return error instanceof RefusedError && WRONG_LAST_SEQUENCE.has(error.errCode);
}

/** @throws ConsumerError LEDGER_DAMAGED when the stream has lost messages or its newest message is no block */
export async function openLedger(options: LedgerOptions): Promise<LedgerWriter> {
  const { nc, jsm, settings, writer, minBatchedBlocks, paths = PLAIN_PATHS } = options;
  const found = await readLedgerEnd(jsm, settings);
  const newestFound = found.orgid === null ? null : { orgid: found.orgid, seq: found.lastSeq };
  const cache = createChainCache({
    nc,
    jsm,
    settings,
    timeoutMs: options.ackTimeoutMs,
    maxChains: options.maxCachedChains,
    newestKnown: () => sender.newest ?? newestFound,
  });
  const inbox = createAckInbox(nc, options.ackTimeoutMs);
  const takesBatches = found.allowsBatches && knowsBatches(nc);
  const sender = createBlockSender({ nc, inbox, settings, writer, cache, paths, minBatchedBlocks, takesBatches });
  /** Settled when everything of `_system` that was to be stored so far is stored. */
  let system = Promise.resolve();

  /**
   * In crash order. What is stored when this is interrupted is ahead of the watermark. The next session reads on from
   * the watermark and skips what each chain has already (`source.seq`, `source.index`).
   */
  async function store(blocks: readonly SealedBlock[]): Promise<void> {
    const byChain = Map.groupBy(blocks, ({ orgid }) => orgid);
    // 1. A duplicate that is recorded here is not looked at again once its organization's chain is past it.
    const ofSystem = byChain.get(SYSTEM_CHAIN) ?? [];
    system = system.then(() => sender.sendInOrder(ofSystem));
    await system;
    // 2. Whichever of these are stored, each chain is good in itself.
    byChain.delete(SYSTEM_CHAIN);
    await sender.sendChains([...byChain.values()]);
  }

  return {
    foundWatermark: found.watermark,
    get streamRecordAt() {
      return sender.streamRecordAt;
    },
    set streamRecordAt(seq) {
      sender.streamRecordAt = seq;
    },
    chains: cache.chains,
    load: cache.load,
    evict: cache.evict,
    store,
    async storeClaim(blocks) {
      await store(blocks.slice(0, -1));
      // 3. Everything that is claimed is stored but what is in this block, which claims it.
      await store(blocks.slice(-1));
    },
    fail: inbox.fail,
    close: inbox.close,
  };
}
