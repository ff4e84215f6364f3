/**
 * The LEDGER stream as the writer sees it: heads, the watermark, and the commit.
 *
 * The ledger is the only state. A writer that fails in any way forgets everything and opens it again; there is no
 * other recovery. What makes that safe is the sequence check that every block carries (`Nats-Expected-Last-Sequence`):
 * it is stored only if nothing else was stored since this writer looked, so two writers cannot fork a chain, and of
 * blocks in flight none is stored after one that failed.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/nats-core';
import { type ChainState, emptyHead, formatLedgerSubject, stateAfter } from '@waybill/schema';
import { type AckInbox, createAckInbox, RefusedError } from './ack-inbox.ts';
import type { SealedBlock } from './batch.ts';
import { ConsumerError } from './errors.ts';
import { entryAt, newestBlock, readStored } from './find-block.ts';
import type { Settings } from './settings.ts';

export interface LedgerOptions {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly settings: Settings;
  /** Names this process in the header `Waybill-Writer` of each block; nothing but people and `wroteLast` read it. */
  readonly writer: string;
  readonly ackTimeoutMs: number;
}

export interface Ledger {
  /** Every AUDIT message up to here is in the ledger, as far as this writer has committed or found it. */
  readonly watermark: number;
  /** Sequence of the newest block in the LEDGER stream, stored or in flight. */
  readonly lastSeq: number;
  /** The state of each chain that was loaded; the fold changes it. */
  readonly chains: ReadonlyMap<string, ChainState>;
  /** Loads the chains that are not there yet. */
  load(orgids: Iterable<string>): Promise<void>;
  /** Publishes blocks in order. Resolves when all are stored; after a rejection this ledger is good for nothing. */
  commit(blocks: readonly SealedBlock[], watermark: number): Promise<void>;
  /** Fails the commit that is under way. */
  fail(error: Error): void;
  close(): void;
}

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
  let { lastSeq, watermark } = await readNewest(jsm, settings);
  const chains = new Map<string, ChainState>();
  /** Stream sequence of the newest block of each chain that was loaded and not written since. */
  const loadedAt = new Map<string, number>();
  const inbox: AckInbox = createAckInbox(nc, options.ackTimeoutMs);

  async function loadOne(orgid: string): Promise<void> {
    // A block that was stored since we looked fails our next commit anyway, and then all is read again.
    const block = await newestBlock(jsm, settings, orgid);
    const state = block
      ? stateAfter(entryAt(settings, block, -1), block.trailer)
      : { head: emptyHead(orgid), producers: new Map() };
    chains.set(orgid, state);
    loadedAt.set(orgid, block?.streamSeq ?? 0);
  }

  return {
    get watermark() {
      return watermark;
    },
    get lastSeq() {
      return lastSeq;
    },
    chains,
    async load(orgids) {
      const missing = [...orgids].filter((orgid) => !chains.has(orgid));
      for (let i = 0; i < missing.length; i += LOADS_AT_ONCE) {
        await Promise.all(missing.slice(i, i + LOADS_AT_ONCE).map(loadOne));
      }
    },
    async commit(blocks, after) {
      const acks = blocks.map(async ({ orgid, text }) => {
        const subject = formatLedgerSubject(orgid, settings.ledgerPrefix);
        const h = headers();
        h.set('Nats-Expected-Stream', stream);
        h.set('Nats-Expected-Last-Sequence', String(lastSeq));
        // The first block on a head also proves that the head was the newest one, whoever answered the read.
        const head = loadedAt.get(orgid);
        if (head !== undefined) {
          h.set('Nats-Expected-Last-Subject-Sequence', String(head));
          loadedAt.delete(orgid);
        }
        h.set('Waybill-Writer', options.writer);
        const expected = ++lastSeq;
        const ack = await inbox.publish(subject, text, h);
        if (ack.seq !== expected) {
          throw new ConsumerError(
            'LEDGER_DAMAGED',
            `block for ${subject} was stored at ${ack.seq} of ${stream}, expected ${expected}`,
          );
        }
      });
      // A crash or a failure here leaves a prefix of the blocks stored. Each chain that got its block is ahead of the
      // watermark, which only the last block moves; the next open reads from the old watermark and skips what each
      // chain has (`source.seq`). If the last block is stored, all are.
      await Promise.all(acks);
      watermark = after;
    },
    fail: inbox.fail,
    close: inbox.close,
  };
}

const LOADS_AT_ONCE = 256;

/** What stands at the end of the LEDGER stream, as its leader has it. @throws ConsumerError LEDGER_DAMAGED */
export async function readNewest(
  jsm: JetStreamManager,
  settings: Settings,
): Promise<{ lastSeq: number; watermark: number; writer: string | null }> {
  const stream = settings.ledgerStream;
  const { state } = await jsm.streams.info(stream);
  const lost = (state.num_deleted ?? 0) + (state.lost?.msgs?.length ?? 0);
  if (lost > 0 || (state.messages > 0 && state.first_seq !== 1)) {
    throw damaged(`stream ${stream} starts at ${state.first_seq} and lacks ${lost} messages`);
  }
  if (state.last_seq === 0) return { lastSeq: 0, watermark: 0, writer: null };
  const message = await jsm.streams.getMessage(stream, { seq: state.last_seq });
  if (!message) throw damaged(`stream ${stream} has no message ${state.last_seq}, its last`);
  const { trailer } = readStored(settings, message.subject, message);
  return {
    lastSeq: state.last_seq,
    watermark: trailer.watermark,
    writer: message.header?.get('Waybill-Writer') || null,
  };
}

function damaged(what: string): ConsumerError {
  return new ConsumerError(
    'LEDGER_DAMAGED',
    `${what}: it must not be written to before it is repaired (docs/operations.md)`,
  );
}
