/**
 * The LEDGER stream as the writer sees it: cache, the watermark, and the commit.
 *
 * The ledger is the only state. A writer that fails in any way forgets everything and opens it again; there is no
 * other recovery. Two things make that safe, however many writers there are:
 *
 * - Each block is a compare-and-swap on its chain: it is stored only if the chain's newest block is still the one that
 *   it continues (`Nats-Expected-Last-Subject-Sequence`). So no chain can fork.
 * - The watermark is claimed by a block that is sent when everything that it claims has been acknowledged.
 *
 * A check of the stream's last sequence would look stronger and is weaker: with several blocks in flight, each expects
 * the ones before it by their number, and another writer's blocks have the same numbers. One that should have failed
 * with the block before it is then stored, and claims what is not (test/consumer/ledger.test.ts).
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { type ChainState, formatLedgerSubject, SYSTEM_CHAIN } from '@waybill/schema';
import type { Settings } from '../settings.ts';
import { BASE_HEADER } from '../ledger/find-block.ts';
import { inParallel } from '../ledger/in-parallel.ts';
import { readLedgerEnd, WRITER_HEADER } from '../ledger/ledger-end.ts';
import { type AckInbox, createAckInbox, RefusedError } from '../nats/ack-inbox.ts';
import {
  areBatchesUnavailable,
  createBatchSender,
  type BatchMessage,
  cutIntoBatches,
  fillBatches,
  knowsBatches,
} from '../nats/atomic-batch.ts';
import type { HeaderList } from '../nats/message-headers.ts';
import { createChainCache } from './chain-cache.ts';
import type { SealedBlock } from './open-blocks.ts';
import { HERE, STREAMS_HEADER } from './stream-recorder.ts';
import { PLAIN, type WriterPaths } from './writer-paths.ts';

export interface LedgerOptions {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly settings: Settings;
  /** Names this process in the header `Waybill-Writer` of each block; people read it, and a consumer that met a conflict. */
  readonly writer: string;
  readonly ackTimeoutMs: number;
  /** Chains whose state is kept in memory, about. */
  readonly maxCachedChains: number;
  /** Blocks from which on they are stored in atomic batches, if the stream takes those. */
  readonly minBatchedBlocks: number;
  /** Default: the plain ones. */
  readonly paths?: WriterPaths;
}

export interface Ledger {
  /** Every AUDIT message up to here is in the ledger, as far as this writer has committed or found it. */
  readonly watermark: number;
  /** Stream sequence of the block with the newest record of how the streams are configured; null: none is known. */
  streamsAt: number | null;
  /** The state of each chain that was loaded; the fold changes it. See chain-cache.ts for how long it stays. */
  readonly chains: ReadonlyMap<string, ChainState>;
  /** Loads the chains that are not there. */
  load(orgids: Iterable<string>): Promise<void>;
  /** Forgets chains that have not been loaded or asked for lately and that nobody needs, if there are too many. */
  evict(isNeeded: (orgid: string) => boolean): void;
  /**
   * Stores blocks: those of `_system`, then those of the other chains side by side. Several calls may be under way if none
   * has blocks of a chain of another one, but for `_system`. After a rejection this ledger is good for nothing.
   */
  store(blocks: readonly SealedBlock[]): Promise<void>;
  /** Stores blocks, and the last one, which claims the watermark, when all others are. Nothing else may be under way. */
  commit(blocks: readonly SealedBlock[], watermark: number): Promise<void>;
  /** Fails what is under way. */
  fail(error: Error): void;
  close(): void;
}

/** The stream sequence of a chain's newest block: what makes each block a compare-and-swap. */
const EXPECTED_LAST = 'Nats-Expected-Last-Subject-Sequence';

/** JetStream's error codes for a failed sequence check: "wrong last sequence", and its variant on replicated streams. */
const WRONG_LAST_SEQUENCE = new Set([10071, 10164]);

/** Whether a commit failed because something else was stored first. */
export function isConflict(error: unknown): boolean {
  return error instanceof RefusedError && WRONG_LAST_SEQUENCE.has(error.errCode);
}

/** @throws ConsumerError LEDGER_DAMAGED when the stream has lost messages or its newest message is no block */
export async function openLedger(options: LedgerOptions): Promise<Ledger> {
  const { nc, jsm, settings } = options;
  const stream = settings.ledgerStream;
  const found = await readLedgerEnd(jsm, settings);
  let { watermark } = found;
  let known = found.orgid === null ? null : { orgid: found.orgid, seq: found.lastSeq };
  const cache = createChainCache({
    nc,
    jsm,
    settings,
    timeoutMs: options.ackTimeoutMs,
    maxChains: options.maxCachedChains,
    known: () => known,
  });
  /** Of the `_system` block with the newest record of how the streams are configured. */
  let streamsAt: number | null = null;
  const inbox: AckInbox = createAckInbox(nc, options.ackTimeoutMs);

  const printHeaders = (options.paths ?? PLAIN).makeHeaderPrinter([
    ['Nats-Expected-Stream', stream],
    [WRITER_HEADER, options.writer],
  ]);
  const subjectOf = (orgid: string): string => formatLedgerSubject(orgid, settings.ledgerPrefix);
  /** What the server stores the block on, and where the block is that its trailer adds to. */
  const headersOf = ({ orgid, base }: SealedBlock): HeaderList => {
    const condition = [EXPECTED_LAST, cache.newest(orgid)] as const;
    return base === null ? [condition] : [condition, [BASE_HEADER, cache.base(orgid)]];
  };
  const sender = createBatchSender({ nc, inbox, printHeaders });
  let batches = found.allowsBatches && knowsBatches(nc);

  async function store(block: SealedBlock): Promise<void> {
    const { orgid } = block;
    const payload = block.payload();
    const isSystem = orgid === SYSTEM_CHAIN;
    const recordsStreams = isSystem && payload.includes('"kind":"streams"');
    const recordedAt = recordsStreams ? HERE : streamsAt;
    const own = headersOf(block);
    const all: HeaderList = isSystem && recordedAt !== null ? [...own, [STREAMS_HEADER, recordedAt]] : own;
    const { seq } = await inbox.publish(subjectOf(orgid), payload, printHeaders(all));
    noteStored(block, seq);
    if (recordsStreams) streamsAt = seq;
  }

  function noteStored(block: SealedBlock, seq: number): void {
    const { orgid, base } = block;
    cache.stored(orgid, seq, base === null);
    if (seq > (known?.seq ?? 0)) known = { orgid, seq };
    block.stored();
  }

  function* messagesOf(blocks: readonly SealedBlock[]): Generator<BatchMessage> {
    for (const block of blocks)
      yield { subject: subjectOf(block.orgid), payload: block.payload(), headers: headersOf(block) };
  }

  /** One after the other: only the acknowledgement of one says what the next has to follow. */
  async function storeInOrder(blocks: readonly SealedBlock[]): Promise<void> {
    for (const block of blocks) await store(block);
  }

  async function storeBatch(blocks: readonly SealedBlock[]): Promise<void> {
    try {
      const first = await sender.send(messagesOf(blocks), blocks.length);
      for (const [i, block] of blocks.entries()) noteStored(block, first + i);
    } catch (error) {
      if (!areBatchesUnavailable(error)) throw error;
      // Nothing of it is stored.
      batches = false;
      await inParallel(blocks, chainsAtOnce(blocks), store);
    }
  }

  /** The blocks of each chain in their order; of different chains, as many as possible at once. */
  async function storeChains(chains: readonly (readonly SealedBlock[])[]): Promise<void> {
    let rest = chains;
    for (;;) {
      const next = rest.map(([block]) => block as SealedBlock);
      if (!batches || !fillBatches(next, options.minBatchedBlocks)) break;
      await inParallel(cutIntoBatches(next), BATCHES_AT_ONCE, storeBatch);
      rest = rest.map((blocks) => blocks.slice(1)).filter((blocks) => blocks.length > 0);
    }
    await inParallel(rest, chainsAtOnce(rest.flat()), storeInOrder);
  }

  /** Of `_system`, everything that was to be stored so far. */
  let system = Promise.resolve();

  /**
   * What is stored when this is interrupted is ahead of the watermark. The next open reads on from the watermark and
   * skips what each chain has (`source.seq`, `source.index`).
   */
  async function storeAll(blocks: readonly SealedBlock[]): Promise<void> {
    const byChain = Map.groupBy(blocks, ({ orgid }) => orgid);
    // 1. A duplicate that is recorded here must not be looked at again when its organization's chain is past it.
    const ofSystem = byChain.get(SYSTEM_CHAIN) ?? [];
    system = system.then(() => storeInOrder(ofSystem));
    await system;
    // 2. Whatever subset of these is stored, each chain is good in itself.
    byChain.delete(SYSTEM_CHAIN);
    await storeChains([...byChain.values()]);
  }

  return {
    get watermark() {
      return watermark;
    },
    get streamsAt() {
      return streamsAt;
    },
    set streamsAt(seq) {
      streamsAt = seq;
    },
    chains: cache.chains,
    load: cache.load,
    evict: cache.evict,
    store: storeAll,
    async commit(blocks, after) {
      await storeAll(blocks.slice(0, -1));
      // 3. Everything up to `after` is stored but what is in this block, which says so.
      await storeAll(blocks.slice(-1));
      watermark = after;
    },
    fail: inbox.fail,
    close: inbox.close,
  };
}

/** Atomic batches on their way: while the server stores one, the next is made and sent. */
const BATCHES_AT_ONCE = 3;
/** Of blocks on their way at once, about: what the client packs for the socket is in memory a second time. */
const BYTES_AT_ONCE = 2 * 1024 * 1024;

function chainsAtOnce(blocks: readonly SealedBlock[]): number {
  const bytes = blocks.reduce((sum, block) => sum + block.bytes, 0);
  return Math.max(16, Math.min(1_024, Math.floor((BYTES_AT_ONCE * blocks.length) / Math.max(1, bytes))));
}
