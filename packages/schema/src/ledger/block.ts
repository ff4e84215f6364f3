/**
 * A block: what one commit adds to one chain. It is one LEDGER message of newline-delimited JSON: the new entries in
 * order, and then a trailer that says where the chain stands.
 */
import { SchemaError } from '../error.ts';
import { canonicalJson } from '../json/canonical.ts';
import type { Json } from '../json/json.ts';
import { emptyHead, type Entry, headOf } from './entry.ts';
import { parseEntry } from './parse-entry.ts';
import { ProducerWindows } from './producer-window.ts';
import { RunningHead } from './running-head.ts';
import { parseTrailer, restoreBase, type Trailer, trailerMismatch, type TrailerState } from './trailer.ts';

/** The longest block, in bytes of UTF-8. */
export const MAX_BLOCK_BYTES = 524_288;

export interface Block {
  readonly entries: readonly Entry[];
  /** The same entries as they stand in the block. */
  readonly lines: readonly string[];
  readonly trailer: Trailer;
}

/** Ends with a line feed, as every line does. */
export function formatBlock(lines: readonly string[], trailer: Trailer): string {
  return `${lines.join('\n')}\n${canonicalJson(trailer as unknown as Json)}\n`;
}

/**
 * The inverse of `formatBlock`. Checks the shapes, and that the trailer agrees with the entries. Does not check hashes.
 *
 * @throws SchemaError NOT_A_BLOCK, NOT_AN_ENTRY or NEWER_VERSION
 */
export function parseBlock(text: string): Block {
  const { lines, trailer } = splitBlock(text);
  const entries = lines.map(parseEntry);
  const last = entries.at(-1) as Entry;
  const mismatch =
    trailer.last - trailer.first + 1 === entries.length
      ? trailerMismatch(trailer, entries[0] as Entry, last)
      : `trailer says ${trailer.first} to ${trailer.last}, the block has ${entries.length} entries`;
  if (mismatch) throw new SchemaError('NOT_A_BLOCK', mismatch);
  return { entries, lines, trailer };
}

/** The lines of a block's entries, unparsed, and its trailer. @throws SchemaError NOT_A_BLOCK or NEWER_VERSION */
export function splitBlock(text: string): { lines: string[]; trailer: Trailer } {
  const lines = text.split('\n');
  if (lines.length < 3 || lines.pop() !== '') {
    throw new SchemaError('NOT_A_BLOCK', 'expected at least an entry and a trailer, each ending with a line feed');
  }
  return { lines, trailer: parseTrailer(lines.pop() as string) };
}

/** Where a chain stands: what its next entry and its next trailer need. Each of them changes it. */
export interface ChainState extends TrailerState {
  readonly head: RunningHead;
}

/** A chain that has no entry yet. */
export function emptyChain(orgid: string): ChainState {
  return { head: new RunningHead(emptyHead(orgid)), producers: new ProducerWindows(), base: null };
}

/**
 * Restores where a chain stands from its newest block.
 *
 * @param last the last entry of the block
 * @param trailer the trailer of the block
 * @param base the trailer of the block that `trailer` adds to, when it names one
 * @throws SchemaError NOT_A_BLOCK when the base is not that block
 */
export function stateAfter(last: Entry, trailer: Trailer, base: Trailer | null = null): ChainState {
  const full = trailer.base === null ? trailer : base;
  if (full?.base !== null || full.last !== (trailer.base ?? trailer.last) || full.orgid !== trailer.orgid)
    throw new SchemaError('NOT_A_BLOCK', `the block that ends at ${full?.last} is not the base ${trailer.base}`);
  const changed = trailer.base === null ? null : trailer.producers;
  return {
    head: new RunningHead(headOf(last)),
    producers: ProducerWindows.restore(full.producers, changed, full.last),
    base: restoreBase(full, changed),
  };
}

/** The trailer with all windows of a block that ends where the chain stands. Changes nothing. */
export function formatTrailer({ head, producers }: ChainState, first: number, watermark: number): Trailer {
  return {
    v: 1,
    orgid: head.orgid,
    first,
    last: head.seq,
    head: head.hash,
    totals: head.totals,
    watermark,
    producers: JSON.parse(producers.formatAll()) as Trailer['producers'],
    base: null,
  };
}
