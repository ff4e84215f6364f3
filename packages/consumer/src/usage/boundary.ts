/**
 * Boundaries of many moments in many chains: the last entry of a chain before each moment. What one replica has serves as
 * a hint; which block comes next is the leader's word, so that a boundary is exact whatever the hints are.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { formatLedgerSubject, parseLedgerSubject } from '@waybill/schema/internal';
import { ConsumerError } from '../errors.ts';
import { inParallel } from '../in-parallel.ts';
import { readLastBlocks } from '../ledger/newest-blocks.ts';
import { entryAt, type LedgerSettings, readStored, type StoredMessage } from '../ledger/stored-block.ts';
import type { DirectMessage } from '../nats/direct-message.ts';
import { getDirectNext } from '../nats/direct-one.ts';
import { isPermanentError } from '../nats/nats-error.ts';
import { getLastMessage, getMessage, getNextMessage } from '../nats/leader-get.ts';
import { type BlockEnds, edgeOf, readBlockEnds } from './block-ends.ts';
import { type ChainSearch, createChainSearch, type Cut, END_OF_CHAIN } from './chain-search.ts';

/** What of the ledger counts. */
export interface LedgerView {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly ledger: LedgerSettings;
  /** The last position of the ledger stream that counts. */
  readonly upTo: number;
}

/** The cuts of a chain, by moment. */
export type Cuts = ReadonlyMap<string, Cut>;

const HINTS_TIMEOUT_MS = 10_000;
const CHAINS_AT_ONCE = 64;

/**
 * The cuts of one chain. Takes a few requests for each moment, and none where the chain has no block between two of
 * them.
 *
 * @param moments as `received` is, or `END_OF_CHAIN`
 * @throws ConsumerError LEDGER_DAMAGED, NO_STREAM …
 */
export async function findCuts(view: LedgerView, orgid: string, moments: readonly string[]): Promise<Cuts> {
  const subject = formatLedgerSubject(orgid, view.ledger.ledgerPrefix);
  const search = searchOn(view, subject);
  const newest = await getLastMessage(view.jsm, view.ledger.ledgerStream, subject);
  if (!newest || newest.seq <= view.upTo) search.addNewest(newest && endsOf(view.ledger, newest));
  else await readHints(view, { searches: new Map([[orgid, search]]), upTo: view.upTo });
  return search.cutsAt(moments);
}

/**
 * The cuts of many chains at the same moments. Hints for all of them are read in one request a moment.
 *
 * @param chains `places`: where each moment is in the ledger stream, about (`findPlaces`); at most `MAX_CHAINS` of
 *   `orgids`
 * @returns in the order of `orgids`
 * @throws ConsumerError as `findCuts`
 */
export async function findCutsOfMany(
  view: LedgerView,
  { orgids, places }: { orgids: readonly string[]; places: ReadonlyMap<string, number> },
): Promise<Cuts[]> {
  const searches = new Map(
    orgids.map((orgid) => [orgid, searchOn(view, formatLedgerSubject(orgid, view.ledger.ledgerPrefix))]),
  );
  for (const upTo of new Set(places.values())) if (upTo > 0) await readHints(view, { searches, upTo });
  return inParallel([...searches.values()], CHAINS_AT_ONCE, (search) => search.cutsAt([...places.keys()]));
}

/**
 * Up to which position about everything received before a moment is stored, for each moment. Times of different chains
 * are in no strict order, so this is good for hints and for nothing else.
 */
export async function findPlaces(view: LedgerView, moments: readonly string[]): Promise<Map<string, number>> {
  const subject = `${view.ledger.ledgerPrefix}.*`;
  const search = searchOn(view, subject);
  const newest = await getLastMessage(view.jsm, view.ledger.ledgerStream, subject);
  if (newest && newest.seq <= view.upTo) search.addNewest(endsOf(view.ledger, newest));
  const cuts = await search.cutsAt(moments.filter((moment) => moment !== END_OF_CHAIN));
  const placeOf = (moment: string): number => cuts.get(moment)?.before?.streamSeq ?? 0;
  return new Map(moments.map((moment) => [moment, moment === END_OF_CHAIN ? view.upTo : placeOf(moment)]));
}

/**
 * The newest block of each chain up to a position. Any replica may answer, so that a block may be old or missing: they
 * are hints and nothing else. A server before 2.11 gives none.
 */
async function readHints(
  { nc, ledger }: LedgerView,
  { searches, upTo }: { searches: ReadonlyMap<string, ChainSearch>; upTo: number },
): Promise<void> {
  const request = {
    nc,
    ledger,
    orgids: [...searches.keys()],
    timeoutMs: HINTS_TIMEOUT_MS,
    onBlock({ seq, subject, payload }: DirectMessage) {
      const orgid = parseLedgerSubject(subject, ledger.ledgerPrefix) ?? '';
      searches.get(orgid)?.addHint(endsOf(ledger, { seq, subject, data: payload }));
    },
  };
  // Whatever has arrived will do: without a hint, the search only takes longer.
  await readLastBlocks(request, { up_to_seq: upTo });
}

/** @param subject of one chain, or of all */
function searchOn({ nc, jsm, ledger, upTo }: LedgerView, subject: string): ChainSearch {
  const stream = ledger.ledgerStream;
  const isOneChain = !subject.endsWith('*');
  // The entries of different chains do not continue each other.
  const toEnds = (message: LedgerMessage): BlockEnds =>
    isOneChain ? endsOf(ledger, message) : withoutNumbers(endsOf(ledger, message));
  const counted = (message: LedgerMessage | null): BlockEnds | null =>
    message && message.seq <= upTo ? toEnds(message) : null;
  const nextByLeader = async (seq: number): Promise<BlockEnds | null> =>
    counted(await getNextMessage(jsm, stream, { seq, subject }));
  let isDirect = true;

  return createChainSearch({
    upTo,
    nextByLeader,
    async next(seq) {
      if (!isDirect) return nextByLeader(seq);
      try {
        const message = await getDirectNext(nc, stream, { seq, subject });
        return counted(message && { ...message, data: message.payload });
      } catch (error) {
        if (isPermanentError(error)) throw error;
        isDirect = false;
        return nextByLeader(seq);
      }
    },
    async entriesOf(streamSeq) {
      const message = await getMessage(jsm, stream, streamSeq);
      if (!message) {
        throw new ConsumerError('LEDGER_DAMAGED', `stream ${stream} has no message ${streamSeq}, which it had before`);
      }
      const block = readStored(ledger, chainOf(ledger, message), message);
      return { length: block.lines.length, at: (index) => edgeOf(block.streamSeq, entryAt(ledger, block, index)) };
    },
  });
}

/** Its number continues nothing. */
function withoutNumbers(ends: BlockEnds): BlockEnds {
  const { streamSeq, firstReceived } = ends;
  return {
    streamSeq,
    firstSeq: Number.NaN,
    firstReceived,
    get last() {
      return ends.last;
    },
  };
}

type LedgerMessage = StoredMessage & { readonly subject: string };

function endsOf(ledger: LedgerSettings, message: LedgerMessage): BlockEnds {
  return readBlockEnds(ledger, chainOf(ledger, message), message);
}

function chainOf(ledger: LedgerSettings, { subject }: LedgerMessage): string {
  return parseLedgerSubject(subject, ledger.ledgerPrefix) ?? subject;
}
