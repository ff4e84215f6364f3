/**
 * The states of chains that the writer has at hand: loaded from the ledger when an event of theirs comes, and evicted,
 * those first that were needed longest ago, about (second chance). What an evicted chain had is in the ledger, where it is read again.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import {
  type ChainState,
  decodeUtf8,
  emptyHead,
  parseLedgerSubject,
  RunningHead,
  splitBlock,
  stateAfter,
  SYSTEM_CHAIN,
} from '@waybill/schema';
import { entryAt, newestBlock, orDamaged } from './find-block.ts';
import { MAX_CHAINS, readNewestBlocks } from './newest-blocks.ts';
import type { Settings } from './settings.ts';

export interface HeadsOptions {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly settings: Settings;
  /** How long an answer of many heads may take; after that they are asked for one by one. */
  readonly timeoutMs: number;
  /** Chains to keep. More are kept while they are needed. */
  readonly maxChains: number;
  /** The newest block that is known to be stored; null for an empty ledger. */
  readonly known: () => { readonly orgid: string; readonly seq: number } | null;
}

export interface Heads {
  readonly chains: ReadonlyMap<string, ChainState>;
  /** Loads the chains that are not there, however often one is named; all of them stay until `evict`. */
  load(orgids: Iterable<string>): Promise<void>;
  /** Lets go of chains, if there are too many, but not of those that are needed: entries of theirs are not stored yet. */
  evict(isNeeded: (orgid: string) => boolean): void;
  /** Stream sequence of a chain's newest block, 0 when it has none. The chain must be there. */
  newest(orgid: string): number;
  stored(orgid: string, seq: number): void;
}

interface Kept {
  readonly state: ChainState;
  newest: number;
  /** Since `evict` looked at it last. */
  wasUsed: boolean;
}

/** Fewer are asked for one by one, of the stream's leader: as quick, and never old. */
const FEW = 16;
const LOADS_AT_ONCE = 256;

export function createHeads(options: HeadsOptions): Heads {
  const { nc, jsm, settings, maxChains, timeoutMs } = options;
  const chains = new Map<string, ChainState>();
  /** The same chains, those first that `evict` looks at next. */
  const kept = new Map<string, Kept>();
  /** Set for good when nobody answers: an old server, a stream without `allow_direct`, a right that is missing. */
  let oneByOne = false;

  function keep(orgid: string, state: ChainState, newest: number): void {
    chains.set(orgid, state);
    kept.set(orgid, { state, newest, wasUsed: true });
  }

  /** Should an answer be old, the next block of the chain is refused. */
  function take(orgid: string, { seq, data }: { seq: number; data: Uint8Array }): void {
    orDamaged(settings, { orgid, streamSeq: seq }, () => {
      const { lines, trailer } = splitBlock(decodeUtf8(lastLines(data)));
      const block = { streamSeq: seq, orgid, lines, trailer };
      keep(orgid, stateAfter(entryAt(settings, block, -1), trailer), seq);
    });
  }

  async function loadOne(orgid: string): Promise<void> {
    const block = await newestBlock(jsm, settings, orgid);
    if (!block) return keep(orgid, emptyChain(orgid), 0);
    keep(orgid, stateAfter(entryAt(settings, block, -1), block.trailer), block.streamSeq);
  }

  async function loadOneByOne(orgids: readonly string[]): Promise<void> {
    for (let i = 0; i < orgids.length; i += LOADS_AT_ONCE) {
      await Promise.all(orgids.slice(i, i + LOADS_AT_ONCE).map(loadOne));
    }
  }

  async function loadMany(orgids: readonly string[]): Promise<void> {
    const wanted = new Set(orgids);
    const known = options.known();
    const answer = await readNewestBlocks({
      nc,
      ledger: settings,
      orgids,
      known,
      timeoutMs,
      onBlock({ subject, seq, payload }) {
        const orgid = parseLedgerSubject(subject, settings.ledgerPrefix);
        if (orgid !== null && wanted.has(orgid)) take(orgid, { seq, data: payload });
      },
    });
    if (answer === 'silent') oneByOne = true;
    if (answer !== 'all') return loadOneByOne(orgids);
    for (const orgid of orgids) if (!kept.has(orgid)) keep(orgid, emptyChain(orgid), 0);
  }

  return {
    chains,
    async load(orgids) {
      const absent = new Set<string>();
      for (const orgid of orgids) {
        const here = kept.get(orgid);
        if (here) here.wasUsed = true;
        else absent.add(orgid);
      }
      const missing = [...absent];
      if (missing.length <= FEW || oneByOne) return loadOneByOne(missing);
      for (let i = 0; i < missing.length; i += MAX_CHAINS) await loadMany(missing.slice(i, i + MAX_CHAINS));
    },
    newest: (orgid) => (kept.get(orgid) as Kept).newest,
    stored(orgid, seq) {
      (kept.get(orgid) as Kept).newest = seq;
    },
    evict(isNeeded) {
      if (kept.size <= maxChains) return;
      // What was here when this began is looked at once.
      let left = kept.size;
      for (const [orgid, one] of kept) {
        if (kept.size <= maxChains || left-- === 0) return;
        kept.delete(orgid);
        if (one.wasUsed || orgid === SYSTEM_CHAIN || isNeeded(orgid)) {
          one.wasUsed = false;
          kept.set(orgid, one);
        } else {
          chains.delete(orgid);
        }
      }
    },
  };
}

function emptyChain(orgid: string): ChainState {
  return { head: new RunningHead(emptyHead(orgid)), producers: new Map() };
}

const LINE_FEED = 10;

/** The last entry and the trailer. Reading all of a block costs a hundred times as much. */
function lastLines(block: Uint8Array): Uint8Array {
  let start = block.length - 1;
  for (let line = 0; line < 2 && start > 0; line++) start = block.lastIndexOf(LINE_FEED, start - 1);
  return block.subarray(start + 1);
}
