/**
 * The `ledger/` room: reading what is stored in LEDGER. Names of chains, single blocks, the newest blocks of many chains, and
 * stretches of one chain. Nothing here writes, and nothing here knows what AUDIT has.
 *
 * This file finds single blocks of one chain without reading the stream. It asks the stream's leader (`STREAM.MSG.GET`). A
 * `DIRECT.GET` may be answered by a follower that lags, and would then give an old head or an old boundary.
 */
import type { JetStreamManager, StoredMsg } from '@nats-io/jetstream';
import {
  type Block,
  decodeUtf8,
  type Entry,
  formatLedgerSubject,
  parseBlock,
  parseEntry,
  SchemaError,
  splitBlock,
  type Trailer,
} from '@waybill/schema';
import { ConsumerError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { explain } from '../nats/nats-error.ts';

/** Where the ledger is. */
export type LedgerPlace = Pick<Settings, 'ledgerStream' | 'ledgerPrefix'>;

/** A block in the ledger, with only its ends read: reading all of its entries costs a hundred times as much. */
export interface StoredBlock {
  /** Its sequence number in the ledger stream. */
  readonly streamSeq: number;
  readonly orgid: string;
  /** Its entries as they are stored, in order; never empty. */
  readonly lines: readonly string[];
  readonly trailer: Trailer;
  /** The first of `lines`. */
  readonly first: Entry;
  /** Where the block is that the trailer adds to, by the header: perhaps. */
  readonly baseAt: number | null;
}

/** Header of a block whose trailer adds to another one: the sequence of that in the ledger stream. A hint, and nothing else. */
export const BASE_HEADER = 'Waybill-Base';

/** The first block of the chain at or after a sequence of the ledger stream. @throws ConsumerError LEDGER_DAMAGED */
export async function nextBlock(
  jsm: JetStreamManager,
  ledger: LedgerPlace,
  at: { orgid: string; streamSeq: number },
): Promise<StoredBlock | null> {
  const subject = formatLedgerSubject(at.orgid, ledger.ledgerPrefix);
  const message = await get(jsm, ledger, { seq: at.streamSeq, next_by_subj: subject }, `the next block of ${at.orgid}`);
  return message && readStored(ledger, at.orgid, message);
}

/** The newest block of the chain; null when it has none. @throws ConsumerError LEDGER_DAMAGED */
export async function newestBlock(
  jsm: JetStreamManager,
  ledger: LedgerPlace,
  orgid: string,
): Promise<StoredBlock | null> {
  const subject = formatLedgerSubject(orgid, ledger.ledgerPrefix);
  const message = await get(jsm, ledger, { last_by_subj: subject }, `the newest block of ${orgid}`);
  return message && readStored(ledger, orgid, message);
}

/** @param holds of a block's first entry: true for the chain's first blocks, then false for all the others */
type Predicate = (first: Entry) => boolean;

export interface Search {
  readonly holds: Predicate;
  /** A block that is known to hold, and probably near the one that is looked for. Default: anywhere. */
  readonly near?: StoredBlock | null;
}

/**
 * The newest block of a chain whose first entry satisfies a monotone predicate; null when none does. Asks the server
 * about log2(n) times, where n is the number of messages in the stream or, with `near`, from there to the block.
 */
export async function findBlock(
  jsm: JetStreamManager,
  ledger: LedgerPlace,
  orgid: string,
  { holds, near = null }: Search,
): Promise<StoredBlock | null> {
  let found = near;
  /** Every block before this was looked at, or is older than one that was. */
  let start: number;
  /** No block from here on holds. */
  let end: number;
  if (near) {
    start = near.streamSeq + 1;
    // In growing steps, until a block does not hold or there is none.
    for (let step = 1; ; step *= 2) {
      end = start + step;
      const block = await nextBlock(jsm, ledger, { orgid, streamSeq: end });
      if (!block || !holds(block.first)) break;
      found = block;
      start = block.streamSeq + 1;
    }
  } else {
    const newest = await newestBlock(jsm, ledger, orgid);
    if (!newest || holds(newest.first)) return newest;
    start = 1;
    end = newest.streamSeq;
  }
  while (start < end) {
    const middle = Math.floor((start + end) / 2);
    const block = await nextBlock(jsm, ledger, { orgid, streamSeq: middle });
    if (block && block.streamSeq < end && holds(block.first)) {
      found = block;
      start = block.streamSeq + 1;
    } else {
      end = middle;
    }
  }
  return found;
}

/** The block that has an entry, by the entry's number in its chain; null when the chain is shorter. */
export async function findBlockBySeq(
  jsm: JetStreamManager,
  ledger: LedgerPlace,
  orgid: string,
  entrySeq: number,
): Promise<{ streamSeq: number; block: Block } | null> {
  const stored = await findBlock(jsm, ledger, orgid, { holds: (first) => first.core.seq <= entrySeq });
  if (!stored || stored.trailer.last < entrySeq) return null;
  return { streamSeq: stored.streamSeq, block: wholeBlock(ledger, stored) };
}

/** All of a block's entries. @throws ConsumerError LEDGER_DAMAGED */
function wholeBlock(ledger: LedgerPlace, { streamSeq, orgid, lines, trailer }: StoredBlock): Block {
  return orDamaged(ledger, { orgid, streamSeq }, () => parseBlock(`${lines.join('\n')}\n${JSON.stringify(trailer)}\n`));
}

/** One entry of a block, by its place in it from 0. @throws ConsumerError LEDGER_DAMAGED */
export function entryAt(
  ledger: LedgerPlace,
  { streamSeq, orgid, lines }: Pick<StoredBlock, 'streamSeq' | 'orgid' | 'lines'>,
  index: number,
): Entry {
  return orDamaged(ledger, { orgid, streamSeq }, () => parseEntry(lines.at(index) ?? ''));
}

/** A ledger message, with its headers if they are at hand. */
export type StoredMessage = Pick<StoredMsg, 'seq' | 'data'> & { readonly header?: StoredMsg['header'] | undefined };

/** null: it is none. */
export function readBaseHeader(text: string | undefined): number | null {
  return text !== undefined && /^[1-9]\d{0,15}$/.test(text) ? Number(text) : null;
}

/** Reads a ledger message that the caller has. @throws ConsumerError LEDGER_DAMAGED */
export function readStored(ledger: LedgerPlace, orgid: string, message: StoredMessage): StoredBlock {
  return orDamaged(ledger, { orgid, streamSeq: message.seq }, () => {
    const { lines, trailer } = splitBlock(decodeUtf8(message.data));
    const baseAt = readBaseHeader(message.header?.get(BASE_HEADER));
    return { streamSeq: message.seq, orgid, lines, trailer, first: parseEntry(lines[0] ?? ''), baseAt };
  });
}

/** What `read` returns; what the schema refuses there is a block that cannot be read. @throws ConsumerError LEDGER_DAMAGED, NEWER_LEDGER */
export function orDamaged<T>(
  { ledgerStream }: LedgerPlace,
  at: { orgid: string; streamSeq: number },
  read: () => T,
): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof SchemaError)) throw cause;
    const what = `stream ${ledgerStream}, sequence ${at.streamSeq} (chain ${at.orgid})`;
    if (cause.code === 'NEWER_VERSION')
      throw new ConsumerError('NEWER_LEDGER', `${what} is of a newer version: ${cause.message}`, { cause });
    throw new ConsumerError('LEDGER_DAMAGED', `${what} is no block: ${cause.message}`, { cause });
  }
}

type Query = Parameters<JetStreamManager['streams']['getMessage']>[1] | { seq: number; next_by_subj: string };

async function get(
  jsm: JetStreamManager,
  { ledgerStream }: LedgerPlace,
  query: Query,
  what: string,
): Promise<StoredMsg | null> {
  try {
    // The client's type leaves out `next_by_subj`, which the server has had since 2.9 (JSApiMsgGetRequest).
    return await jsm.streams.getMessage(ledgerStream, query);
  } catch (cause) {
    throw explain(cause, `read ${what} from stream ${ledgerStream}`);
  }
}
