/**
 * What must outlive a chain's file, because log rotation takes the file away: the last entry, and the sizes that later
 * entries may refer to. A journal beside the file has one line for each write:
 *
 *     {"last":<the last entry, without its event>,"sizes":[[seq,digest,bytes,from],…]}
 *
 * A line is written after the entries are synced, and is not synced itself. Where the file has entries, the file
 * decides. After a power failure the journal may lack its last lines, which matters only if the file was rotated before
 * the next start.
 */
import { Buffer } from 'node:buffer';
import * as crypto from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import type { Volume } from '@waybill/schema';
import {
  type Entry,
  formatCore,
  formatEntry,
  type Head,
  headOf,
  parseEntry,
  SIZE_WINDOW,
  type SizeMemory,
  type Transfer,
} from '@waybill/schema/internal';

/** The size of an upload, stated or inferred: the arguments of `SizeMemory.note`. */
export type SizeNote = readonly [seq: number, digest: string, bytes: string, from: number | null];

interface ChainState {
  /** The last entry that was written; null when none is known. */
  readonly last: Entry | null;
  readonly sizes: readonly SizeNote[];
}

export interface StateJournal extends ChainState {
  /** @throws whatever the file system throws; the next line then includes what could not be written */
  append(last: Entry, sizes: readonly SizeNote[]): Promise<void>;
}

/** A journal is compacted when it has grown by this much and has doubled. */
const REWRITE_BYTES = 1024 * 1024;

/** @throws whatever the file system throws */
export async function openStateJournal(path: string, orgid: string): Promise<StateJournal> {
  const state = await readState(path, orgid);
  let written = 0;
  let compact = 0;
  /** Notes of lines that could not be written. */
  let unsaved: SizeNote[] = [];
  /** The last line may lack its line feed. */
  let torn = state.torn;

  const rewrite = async ({ last, sizes }: ChainState): Promise<void> => {
    const line = last === null ? '' : formatState(last, sizes);
    await writeFile(`${path}.new`, line, { mode: 0o600 });
    await rename(`${path}.new`, path);
    written = compact = Buffer.byteLength(line);
  };
  if (state.lines > 1) {
    await rewrite(state);
    torn = false;
  }

  return {
    last: state.last,
    sizes: state.sizes,
    async append(last, sizes) {
      unsaved.push(...sizes);
      const line = `${torn ? '\n' : ''}${formatState(last, unsaved)}`;
      torn = true;
      // Synchronous: a write to the page cache takes microseconds, less than three turns of a busy event loop.
      appendFileSync(path, line, { mode: 0o600 });
      torn = false;
      unsaved = [];
      written += Buffer.byteLength(line);
      if (written > compact + Math.max(REWRITE_BYTES, compact)) await rewrite(await readState(path, orgid));
    },
  };
}

/** Restores a note of `sizeNoteOf`. */
export function noteSize(sizes: SizeMemory, [seq, digest, bytes, from]: SizeNote): void {
  const volume = { kind: 'upload', bytes, ...(from !== null && { from }) } as const;
  sizes.note(seq, { kind: 'upload', digest, bytes: Number(bytes) }, volume);
}

/** @returns null when no later entry can refer to this one's size */
export function sizeNoteOf(seq: number, { kind, digest, failed }: Transfer, { bytes, from }: Volume): SizeNote | null {
  if (bytes === null || failed === true || (kind !== 'upload' && from === undefined)) return null;
  return [seq, digest, bytes, from ?? null];
}

/** The head from which the chain continues. */
export function headOfState({ last }: ChainState): Head | null {
  return last && headOf(last);
}

function formatState({ core, hash }: Entry, sizes: readonly SizeNote[]): string {
  return `{"last":${formatEntry(formatCore(core), 'null', hash)},"sizes":${JSON.stringify(sizes)}}\n`;
}

interface JournalText extends ChainState {
  readonly lines: number;
  /** Text without a line feed follows them. */
  readonly torn: boolean;
}

async function readState(path: string, orgid: string): Promise<JournalText> {
  let text = '';
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  let last: Entry | null = null;
  let sizes: SizeNote[] = [];
  const lines = text.split('\n');
  for (const line of lines.slice(0, -1)) {
    const state = parseState(line, orgid);
    // A full disk or a power failure damaged the line.
    if (state === null) continue;
    last = state.last;
    sizes.push(...state.sizes);
  }
  const oldest = (last?.core.seq ?? 0) - SIZE_WINDOW;
  sizes = sizes.filter(([seq]) => seq > oldest);
  return { last, sizes, lines: lines.length - 1, torn: lines.at(-1) !== '' };
}

function parseState(line: string, orgid: string): { last: Entry; sizes: SizeNote[] } | null {
  try {
    const { last, sizes } = JSON.parse(line) as { last: unknown; sizes: SizeNote[] };
    const entry = parseEntry(JSON.stringify(last));
    const isWhole = crypto.hash('sha256', formatCore(entry.core), 'hex') === entry.hash && entry.core.orgid === orgid;
    return isWhole && Array.isArray(sizes) && sizes.every(isSizeNote) ? { last: entry, sizes } : null;
  } catch {
    return null;
  }
}

function isSizeNote(note: unknown): boolean {
  if (!Array.isArray(note) || note.length !== 4) return false;
  const [seq, digest, bytes, from] = note as unknown[];
  const isRest = typeof digest === 'string' && /^\d{1,16}$/.test(String(bytes));
  return Number.isSafeInteger(seq) && isRest && (from === null || Number.isSafeInteger(from));
}
