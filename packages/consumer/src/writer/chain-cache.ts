/**
 * The states of chains that the writer has at hand: loaded from the ledger when an event of theirs comes, and evicted,
 * those first that were needed longest ago, about (second chance). What an evicted chain had is in the ledger, where it is read again.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { Msg, NatsConnection } from '@nats-io/nats-core';
import {
  type ChainState,
  decodeUtf8,
  emptyChain,
  type Entry,
  parseLedgerSubject,
  splitBlock,
  stateAfter,
  SYSTEM_CHAIN,
  type Trailer,
} from '@waybill/schema';
import type { Settings } from '../settings.ts';
import { lastLines, readBase } from '../ledger/base-block.ts';
import { BASE_HEADER, entryAt, newestBlock, orDamaged, readBaseHeader } from '../ledger/find-block.ts';
import { inParallel } from '../ledger/in-parallel.ts';
import { MAX_CHAINS, readNewestBlocks } from '../ledger/newest-blocks.ts';
import type { DirectMessage } from '../nats/direct-message.ts';

export interface ChainCacheOptions {
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

export interface ChainCache {
  readonly chains: ReadonlyMap<string, ChainState>;
  /** Loads the chains that are not there, however often one is named; all of them stay until `evict`. */
  load(orgids: Iterable<string>): Promise<void>;
  /** Lets go of chains, if there are too many, but not of those that are needed: entries of theirs are not stored yet. */
  evict(isNeeded: (orgid: string) => boolean): void;
  /** Stream sequence of a chain's newest block, 0 when it has none. The chain must be there. */
  newest(orgid: string): number;
  /** The same of its newest block whose trailer has all publishers. */
  base(orgid: string): number;
  /** Notes a new block of a chain, and whether its trailer has all publishers. */
  stored(orgid: string, seq: number, hasAll: boolean): void;
}

interface Kept {
  readonly state: ChainState;
  newest: number;
  base: number;
  /** Since `evict` looked at it last. */
  wasUsed: boolean;
}

/** The end of a chain's newest block. */
interface NewestEnd {
  readonly orgid: string;
  /** In the ledger stream. */
  readonly streamSeq: number;
  readonly last: Entry;
  readonly trailer: Trailer;
  readonly baseAt: number | null;
}

/** Fewer are asked for one by one, of the stream's leader: as quick, and never old. */
const FEW = 16;
const LOADS_AT_ONCE = 256;

export function createChainCache(options: ChainCacheOptions): ChainCache {
  const { nc, jsm, settings, maxChains, timeoutMs } = options;
  const chains = new Map<string, ChainState>();
  /** The same chains, those first that `evict` looks at next. */
  const kept = new Map<string, Kept>();
  /** Set for good when nobody answers: an old server, a stream without `allow_direct`, a right that is missing. */
  let oneByOne = false;

  function keep(orgid: string, state: ChainState, at: { newest: number; base: number }): void {
    chains.set(orgid, state);
    kept.set(orgid, { state, ...at, wasUsed: true });
  }

  function keepEmpty(orgid: string): void {
    keep(orgid, emptyChain(orgid), { newest: 0, base: 0 });
  }

  /** Most trailers have all publishers; of the others, the block that they add to is read too. */
  async function keepFrom({ orgid, streamSeq, last, trailer, baseAt }: NewestEnd): Promise<void> {
    const base =
      trailer.base === null ? null : await readBase(jsm, settings, { orgid, last: trailer.base, streamSeq: baseAt });
    const state = orDamaged(settings, { orgid, streamSeq }, () => stateAfter(last, trailer, base?.trailer));
    keep(orgid, state, { newest: streamSeq, base: base?.streamSeq ?? streamSeq });
  }

  function readEnd(orgid: string, { seq, payload }: DirectMessage, headers: Msg['headers']): NewestEnd {
    return orDamaged(settings, { orgid, streamSeq: seq }, () => {
      const { lines, trailer } = splitBlock(decodeUtf8(lastLines(payload)));
      const last = entryAt(settings, { streamSeq: seq, orgid, lines }, -1);
      return { orgid, streamSeq: seq, last, trailer, baseAt: readBaseHeader(headers?.get(BASE_HEADER)) };
    });
  }

  async function loadOne(orgid: string): Promise<void> {
    const block = await newestBlock(jsm, settings, orgid);
    if (!block) return keepEmpty(orgid);
    await keepFrom({ ...block, last: entryAt(settings, block, -1) });
  }

  async function loadOneByOne(orgids: readonly string[]): Promise<void> {
    for (let i = 0; i < orgids.length; i += LOADS_AT_ONCE) {
      await Promise.all(orgids.slice(i, i + LOADS_AT_ONCE).map(loadOne));
    }
  }

  async function loadMany(orgids: readonly string[]): Promise<void> {
    const wanted = new Set(orgids);
    const known = options.known();
    const ends: NewestEnd[] = [];
    const answer = await readNewestBlocks({
      nc,
      ledger: settings,
      orgids,
      known,
      timeoutMs,
      // Should an answer be old, the next block of the chain is refused.
      onBlock(message, { headers }) {
        const orgid = parseLedgerSubject(message.subject, settings.ledgerPrefix);
        if (orgid !== null && wanted.has(orgid)) ends.push(readEnd(orgid, message, headers));
      },
    });
    if (answer === 'silent') oneByOne = true;
    if (answer !== 'all') return loadOneByOne(orgids);
    await inParallel(ends, LOADS_AT_ONCE, keepFrom);
    for (const orgid of orgids) if (!kept.has(orgid)) keepEmpty(orgid);
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
    base: (orgid) => (kept.get(orgid) as Kept).base,
    stored(orgid, seq, hasAll) {
      const one = kept.get(orgid) as Kept;
      one.newest = seq;
      if (hasAll) one.base = seq;
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
