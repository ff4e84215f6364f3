/** Blocks as they are stored in LEDGER, with only their ends read. */
import type { StoredMsg } from '@nats-io/jetstream';
import { SchemaError } from '@waybill/schema';
import {
  type Block,
  decodeUtf8,
  type Entry,
  parseBlock,
  parseEntry,
  splitBlock,
  type Trailer,
} from '@waybill/schema/internal';
import { ConsumerError } from '../errors.ts';
import type { Settings } from '../settings.ts';

/** The part of the settings that reading the ledger needs. */
export type LedgerSettings = Pick<Settings, 'ledgerStream' | 'ledgerPrefix'>;

/** A block of the ledger stream. Only its ends are parsed: to parse all entries costs a hundred times as much. */
export interface StoredBlock {
  /** Its sequence number in the ledger stream. */
  readonly streamSeq: number;
  readonly orgid: string;
  /** Its entries as they are stored, in order; never empty. */
  readonly lines: readonly string[];
  readonly trailer: Trailer;
  /** The first of `lines`. */
  readonly first: Entry;
  /** Where the block's base is, by a header: a hint, which may be wrong. null: no header. */
  readonly baseAt: number | null;
}

/**
 * Header of a block whose trailer adds to another block, its base (base-block.ts): the base's sequence in the ledger
 * stream. It is only a hint.
 */
export const BASE_HEADER = 'Waybill-Base';

/** @returns null when the header is absent or is no sequence number */
export function readBaseHeader(text: string | undefined): number | null {
  return text !== undefined && /^[1-9]\d{0,15}$/.test(text) ? Number(text) : null;
}

/** A ledger message. Its headers are optional. */
export type StoredMessage = Pick<StoredMsg, 'seq' | 'data'> & { readonly header?: StoredMsg['header'] | undefined };

/** Reads a message of the ledger stream as a block. @throws ConsumerError LEDGER_DAMAGED, NEWER_LEDGER */
export function readStored(ledger: LedgerSettings, orgid: string, message: StoredMessage): StoredBlock {
  return orDamaged(ledger, { orgid, streamSeq: message.seq }, () => {
    const { lines, trailer } = splitBlock(decodeUtf8(message.data));
    const baseAt = readBaseHeader(message.header?.get(BASE_HEADER));
    return { streamSeq: message.seq, orgid, lines, trailer, first: parseEntry(lines[0] ?? ''), baseAt };
  });
}

/** The block with all of its entries. @throws ConsumerError LEDGER_DAMAGED */
export function parseWhole(ledger: LedgerSettings, { streamSeq, orgid, lines, trailer }: StoredBlock): Block {
  return orDamaged(ledger, { orgid, streamSeq }, () => parseBlock(`${lines.join('\n')}\n${JSON.stringify(trailer)}\n`));
}

/**
 * One entry of a block.
 *
 * @param index in `lines`, from 0; negative from the end.
 * @throws ConsumerError LEDGER_DAMAGED
 */
export function entryAt(
  ledger: LedgerSettings,
  { streamSeq, orgid, lines }: Pick<StoredBlock, 'streamSeq' | 'orgid' | 'lines'>,
  index: number,
): Entry {
  return orDamaged(ledger, { orgid, streamSeq }, () => parseEntry(lines.at(index) ?? ''));
}

/**
 * Calls `read`, which parses something of a block. What the schema does not accept means that the block cannot be read.
 *
 * @throws ConsumerError LEDGER_DAMAGED, NEWER_LEDGER
 */
export function orDamaged<T>(
  { ledgerStream }: LedgerSettings,
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
