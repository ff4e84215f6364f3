/** Reads where chains stand in the ledger: the end of each chain's newest block, many chains in one request. */
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
  type Trailer,
} from '@waybill/schema/internal';
import { inParallel } from '../in-parallel.ts';
import type { Settings } from '../settings.ts';
import { lastLines, readBase } from '../ledger/base-block.ts';
import { newestBlock } from '../ledger/find-block.ts';
import { MAX_CHAINS, readNewestBlocks } from '../ledger/newest-blocks.ts';
import { BASE_HEADER, entryAt, orDamaged, readBaseHeader } from '../ledger/stored-block.ts';
import type { DirectMessage } from '../nats/direct-message.ts';

export interface ChainLoaderOptions {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly settings: Settings;
  /** How long an answer about many chains may take. After that, each chain is asked for alone. */
  readonly timeoutMs: number;
  /** The newest block that is known to be stored; null for an empty ledger. */
  readonly newestKnown: () => { readonly orgid: string; readonly seq: number } | null;
}

/** A chain as its newest block leaves it. */
export interface LoadedChain {
  readonly orgid: string;
  readonly state: ChainState;
  /** Stream sequence of its newest block, 0 when it has none. */
  readonly newest: number;
  /** The same of its newest block whose trailer has all publishers. */
  readonly base: number;
}

/** Loads chains; one that is not in the ledger is empty. @throws ConsumerError LEDGER_DAMAGED … */
export type ChainLoader = (orgids: readonly string[], onLoaded: (chain: LoadedChain) => void) => Promise<void>;

/** The end of a chain's newest block. */
interface NewestEnd {
  readonly orgid: string;
  readonly streamSeq: number;
  readonly last: Entry;
  readonly trailer: Trailer;
  /** Where a header says that the block is which the trailer adds to. */
  readonly baseAt: number | null;
}

/** Up to so many chains are asked for one by one, of the stream's leader: as quick, and never old. */
const MAX_SINGLE_REQUESTS = 16;
const LOADS_AT_ONCE = 256;

export function createChainLoader(options: ChainLoaderOptions): ChainLoader {
  const { nc, jsm, settings, timeoutMs, newestKnown } = options;
  /** Set for good when nobody answers: an old server, a stream without `allow_direct`, a right that is missing. */
  let isManyUnanswered = false;

  /** Most trailers have all publishers. Of the others, the block that they add to is read too. */
  async function chainAfter({ orgid, streamSeq, last, trailer, baseAt }: NewestEnd): Promise<LoadedChain> {
    const base =
      trailer.base === null ? null : await readBase(jsm, settings, { orgid, last: trailer.base, streamSeq: baseAt });
    const state = orDamaged(settings, { orgid, streamSeq }, () => stateAfter(last, trailer, base?.trailer));
    return { orgid, state, newest: streamSeq, base: base?.streamSeq ?? streamSeq };
  }

  function readEnd(orgid: string, { seq, payload }: DirectMessage, headers: Msg['headers']): NewestEnd {
    return orDamaged(settings, { orgid, streamSeq: seq }, () => {
      const { lines, trailer } = splitBlock(decodeUtf8(lastLines(payload)));
      const last = entryAt(settings, { streamSeq: seq, orgid, lines }, -1);
      return { orgid, streamSeq: seq, last, trailer, baseAt: readBaseHeader(headers?.get(BASE_HEADER)) };
    });
  }

  async function loadOne(orgid: string): Promise<LoadedChain> {
    const block = await newestBlock(jsm, settings, orgid);
    return block ? chainAfter({ ...block, last: entryAt(settings, block, -1) }) : noBlocks(orgid);
  }

  async function loadOneByOne(orgids: readonly string[], onLoaded: (chain: LoadedChain) => void): Promise<void> {
    await inParallel(orgids, LOADS_AT_ONCE, async (orgid) => onLoaded(await loadOne(orgid)));
  }

  async function loadMany(orgids: readonly string[], onLoaded: (chain: LoadedChain) => void): Promise<void> {
    const left = new Set(orgids);
    const ends: NewestEnd[] = [];
    const answer = await readNewestBlocks({
      nc,
      ledger: settings,
      orgids,
      known: newestKnown(),
      timeoutMs,
      // An old answer does no harm: the server refuses the chain's next block.
      onBlock(message, { headers }) {
        const orgid = parseLedgerSubject(message.subject, settings.ledgerPrefix);
        if (orgid !== null && left.delete(orgid)) ends.push(readEnd(orgid, message, headers));
      },
    });
    if (answer === 'silent') isManyUnanswered = true;
    if (answer !== 'all') return loadOneByOne(orgids, onLoaded);
    await inParallel(ends, LOADS_AT_ONCE, async (end) => onLoaded(await chainAfter(end)));
    for (const orgid of left) onLoaded(noBlocks(orgid));
  }

  return async (orgids, onLoaded) => {
    if (orgids.length <= MAX_SINGLE_REQUESTS || isManyUnanswered) return loadOneByOne(orgids, onLoaded);
    for (let i = 0; i < orgids.length; i += MAX_CHAINS) await loadMany(orgids.slice(i, i + MAX_CHAINS), onLoaded);
  };
}

function noBlocks(orgid: string): LoadedChain {
  return { orgid, state: emptyChain(orgid), newest: 0, base: 0 };
}
