/** Which entries of a chain a replay is of, and where a stored block is cut for it. */
import { ConsumerError } from '../errors.ts';
import { parseInstant } from '../instant.ts';
import { entryAt, type LedgerSettings, type StoredBlock } from '../ledger/stored-block.ts';

export interface SliceOptions {
  readonly fromSeq?: number;
  readonly toSeq?: number;
  readonly from?: string;
  readonly to?: string;
}

/** Entries whose number is in `[fromSeq, toSeq]` and whose `received` is in `[from, to)`. null: no bound. */
export interface Slice {
  readonly fromSeq: number;
  readonly toSeq: number;
  /** In the form of `received`. */
  readonly from: string | null;
  readonly to: string | null;
}

const NAMES: Readonly<Record<keyof SliceOptions, string>> = {
  fromSeq: 'fromSeq',
  toSeq: 'toSeq',
  from: 'from',
  to: 'to',
};

/** @param names of the options, for errors @throws ConsumerError BAD_ARGUMENT naming the option */
export function readSlice({ fromSeq = 1, toSeq, ...times }: SliceOptions, names = NAMES): Slice {
  checkSeq(names.fromSeq, fromSeq);
  if (toSeq !== undefined) checkSeq(names.toSeq, toSeq);
  if (toSeq !== undefined && toSeq < fromSeq)
    throw new ConsumerError('BAD_ARGUMENT', `${names.toSeq} is ${toSeq}, which is before ${names.fromSeq} ${fromSeq}`);
  const from = times.from === undefined ? null : parseInstant(names.from, times.from);
  const to = times.to === undefined ? null : parseInstant(names.to, times.to);
  if (from !== null && to !== null && to <= from)
    throw new ConsumerError('BAD_ARGUMENT', `${names.to} is ${to}, which is not after ${names.from} ${from}`);
  return { fromSeq, toSeq: toSeq ?? Number.MAX_SAFE_INTEGER, from, to };
}

function checkSeq(name: string, seq: number): void {
  if (!Number.isSafeInteger(seq) || seq < 1)
    throw new ConsumerError('BAD_ARGUMENT', `${name} is ${seq}: expected a whole number from 1`);
}

/** What of a block is in the slice. `isLast`: no later block has anything of it. */
export function cutBlock(
  ledger: LedgerSettings,
  block: StoredBlock,
  { fromSeq, toSeq, from, to }: Slice,
): { readonly lines: readonly string[]; readonly isLast: boolean } {
  const { lines, trailer } = block;
  const start = Math.max(fromSeq - trailer.first, from === null ? 0 : firstAt(ledger, block, from));
  const end = Math.min(toSeq - trailer.first + 1, to === null ? lines.length : firstAt(ledger, block, to));
  return {
    lines: start <= 0 && end >= lines.length ? lines : lines.slice(Math.max(0, start), Math.max(0, end)),
    isLast: end < lines.length || trailer.last >= toSeq,
  };
}

/** The index of the block's first entry at or after a time. `received` never goes back within a chain. */
function firstAt(ledger: LedgerSettings, block: StoredBlock, instant: string): number {
  let low = 0;
  let high = block.lines.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (entryAt(ledger, block, middle).core.received < instant) low = middle + 1;
    else high = middle;
  }
  return low;
}
