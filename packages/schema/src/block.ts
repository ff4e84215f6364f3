/**
 * A block: what one commit adds to one chain. One LEDGER message of newline-delimited JSON, the new entries in order
 * and then a trailer that says where the chain stands.
 */
import * as z from 'zod';
import { canonicalJson } from './canonical.ts';
import { type Entry, type Head, headOf, parseEntry, RunningHead } from './entry.ts';
import { parseJson } from './parse-json.ts';
import { notJson, SchemaError } from './error.ts';
import { HASH_PATTERN } from './hash.ts';
import type { Json } from './json.ts';
import { copyWindow, type ProducerWindow, ProducerWindows } from './producer-window.ts';
import { DECIMAL_PATTERN } from './volume.ts';

/** A whole block, in bytes of UTF-8. */
export const MAX_BLOCK_BYTES = 524_288;

const Count = z.int().min(1);
const Decimal = z.string().regex(DECIMAL_PATTERN);
const Tally = z.strictObject({ count: Decimal, bytes: Decimal, unknown: Decimal });

/** The last line of a block. Nothing in it is hashed: all but `watermark` can be derived from the entries. */
export const Trailer = z.strictObject({
  v: z.literal(1),
  orgid: z.string(),
  /** `seq` of the block's first and last entry. */
  first: Count,
  last: Count,
  /** Hash of the last entry. */
  head: z.string().regex(HASH_PATTERN),
  /** Sums including the last entry. */
  totals: z.strictObject({ events: Decimal, uploads: Tally, downloads: Tally, deduplicated: Tally }),
  /** Every message of the AUDIT stream up to this sequence is in the ledger, whatever its organization. 0: none is yet. */
  watermark: z.int().min(0),
  producers: ProducerWindows,
});
export type Trailer = z.infer<typeof Trailer>;

export interface Block {
  readonly entries: readonly Entry[];
  /** The same entries as they stand in the block. */
  readonly lines: readonly string[];
  readonly trailer: Trailer;
}

/** Ends with a line feed, as every line does. */
export function formatBlock(lines: readonly string[], trailer: Trailer): string {
  return `${lines.join('\n')}\n${canonicalJson(trailer)}\n`;
}

/**
 * The inverse of `formatBlock`. Checks shapes, and that the trailer agrees with the last entry; not the hashes.
 *
 * @throws SchemaError NOT_A_BLOCK or NOT_AN_ENTRY
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

/** The lines of a block's entries, unread, and its trailer. @throws SchemaError NOT_A_BLOCK */
export function splitBlock(text: string): { lines: string[]; trailer: Trailer } {
  const lines = text.split('\n');
  if (lines.length < 3 || lines.pop() !== '') {
    throw new SchemaError('NOT_A_BLOCK', 'expected at least an entry and a trailer, each ending with a line feed');
  }
  return { lines, trailer: parseTrailer(lines.pop() as string) };
}

function parseTrailer(line: string): Trailer {
  let value: unknown;
  try {
    value = parseJson(line);
  } catch (cause) {
    throw new SchemaError('NOT_A_BLOCK', `trailer ${notJson(cause)}`);
  }
  const result = Trailer.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new SchemaError('NOT_A_BLOCK', `trailer.${issue?.path.join('.')}: ${issue?.message}`);
}

/** What in a trailer contradicts the block's first and last entry; null when nothing does. */
export function trailerMismatch(trailer: Trailer, first: Entry, last: Entry): string | null {
  if (trailer.orgid !== last.core.orgid) return `trailer.orgid is ${trailer.orgid}, the entries' is ${last.core.orgid}`;
  if (trailer.first !== first.core.seq)
    return `trailer.first is ${trailer.first}, the first entry is ${first.core.seq}`;
  if (trailer.last !== last.core.seq) return `trailer.last is ${trailer.last}, the last entry is ${last.core.seq}`;
  if (trailer.head !== last.hash) return `trailer.head is ${trailer.head}, the last entry's hash is ${last.hash}`;
  if (canonicalJson(trailer.totals) !== canonicalJson(last.core.totals as unknown as Json)) {
    return 'trailer.totals are not those of the last entry';
  }
  return null;
}

/** Where a chain stands: what the next entry needs. It changes with each. */
export interface ChainState {
  readonly head: RunningHead;
  readonly producers: ProducerWindows;
}

/**
 * A copy: folding on leaves the trailer as it is.
 *
 * @param last the last entry of the chain's newest block, whose trailer this is
 */
export function stateAfter(last: Entry, trailer: Trailer): ChainState {
  const producers = Object.entries(trailer.producers).map(([id, window]) => [id, copyWindow(window)] as const);
  return { head: new RunningHead(headOf(last)), producers: new Map(producers) };
}

/** @param state a `ChainState`, or one whose head stands still */
export function formatTrailer(
  { head, producers }: Pick<ChainState, 'producers'> & { readonly head: Head },
  first: number,
  watermark: number,
): Trailer {
  return {
    v: 1,
    orgid: head.orgid,
    first,
    last: head.seq,
    head: head.hash,
    totals: head.totals,
    watermark,
    producers: Object.fromEntries(
      [...producers].map(([id, window]) => [id, copyWindow(window)]),
    ) as Trailer['producers'],
  };
}

/** RFC 8785 text of `formatTrailer`. Members stand in their sorted order here; a test holds it to `canonicalJson`. */
export function formatTrailerLine({ head, producers }: ChainState, first: number, watermark: number): string {
  // oxlint-disable-next-line unicorn/no-array-sort -- the array is nobody else's, and this is the hot path
  const ids = producers.size === 1 ? [...producers.keys()] : [...producers.keys()].sort();
  const windows = ids.map((id) => {
    const { last, missing, seen } = producers.get(id) as ProducerWindow;
    return `${canonicalJson(id)}:{"last":${last},"missing":${JSON.stringify(missing)},"seen":${seen}}`;
  });
  return (
    `{"first":${first},"head":"${head.hash}","last":${head.seq},"orgid":"${head.orgid}",` +
    `"producers":{${windows.join(',')}},"totals":${head.formatTotals()},"v":1,"watermark":${watermark}}`
  );
}
