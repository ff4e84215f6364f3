/**
 * One organization's chain as a file of its entries: lines as `docs/format.md` §6 has them, so that
 * `waybill verify --file` takes it as it is.
 *
 * The file is the state. Opening it verifies it from its first entry, cuts off a last line that a crash left without its
 * line feed, and goes on from the last entry. A file that does not verify is never appended to. A file that is gone or
 * empty was rotated away: the next one goes on where it ended, by what is in memory or in the journal (`chain-state.ts`).
 */
import * as crypto from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, stat, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  appendEntry,
  type ChainVerifier,
  createChainVerifier,
  createLineSplitter,
  createSizeMemory,
  emptyHead,
  type Entry,
  type Head,
  headOf,
  type JsonObject,
  NO_VOLUME,
  originOf,
  parseEntry,
  type SizeMemory,
  transferOf,
} from '@waybill/schema';
import {
  headOfState,
  noteSize,
  openStateJournal,
  type SizeNote,
  sizeNoteOf,
  type StateJournal,
} from './chain-state.ts';
import { PublisherError } from './error.ts';
import { syncDirectory } from './sync-path.ts';

const sha256 = (text: string): string => crypto.hash('sha256', text, 'hex');

export interface ChainedEvent {
  readonly event: JsonObject;
  /** RFC 8785 text. */
  readonly text: string;
  readonly subject: string;
}

export interface ChainFile {
  /** `seq` of the last entry that is written and synced; 0: none. */
  readonly seq: number;
  /** Length of the file up to that entry. */
  readonly bytes: number;
  /** For the next opening, if file and journal are gone by then; not after an error. */
  readonly memory: ChainMemory | undefined;
  /**
   * Appends events and syncs the file. Whole lines are written in order and count once they are synced. A crash before
   * leaves a torn line, which the next opening cuts off, or entries that nobody was told of. After an error this is
   * spent, and what it wrote is perhaps there: open the file anew, with `bytes`.
   *
   * @throws PublisherError NOT_WRITTEN when somebody else changed the file; else what the file system says
   */
  append(events: readonly ChainedEvent[], receivedMs: number): Promise<void>;
}

interface ChainMemory {
  readonly head: Head;
  readonly sizes: SizeMemory;
}

export interface ChainFileOptions {
  readonly path: string;
  readonly orgid: string;
  /** Cut off what is after this: entries of an append that failed, whose events will be appended again. */
  readonly keepBytes?: number | undefined;
  /** Of the last opening by this process. */
  readonly memory?: ChainMemory | undefined;
  /** Something failed that costs no event. */
  failed(what: string, error: unknown): void;
}

const EXTENSION = '.ndjson';

/** Of an organization, on every disk: capitals as Go modules have them, so that `Acme` and `acme` are two files. */
export function chainFileName(orgid: string): string {
  return `${orgid.replaceAll(/[A-Z]/g, (capital) => `!${capital.toLowerCase()}`)}${EXTENSION}`;
}

/** @throws PublisherError NOT_WRITTEN when the file does not verify; else what the file system says */
export async function openChainFile(options: ChainFileOptions): Promise<ChainFile> {
  const { path, orgid, keepBytes, memory, failed } = options;
  const journal = await openStateJournal(`${path.slice(0, -EXTENSION.length)}.waybill-state`, orgid);
  if (keepBytes !== undefined) await cutTo(path, keepBytes);
  const read = await readChain({ path, orgid, journal, memory });
  const { sizes } = read;
  let { head, bytes } = read;
  let isSpent = false;

  const keep = async (line: string, notes: readonly SizeNote[]): Promise<void> => {
    try {
      await journal.append(parseEntry(line), notes);
    } catch (error) {
      // The file has it all; the next line of the journal has what this one lacks.
      failed(`writing the journal of ${path}`, error);
    }
  };

  return {
    get seq() {
      return head.seq;
    },
    get bytes() {
      return bytes;
    },
    get memory() {
      return isSpent ? undefined : { head, sizes };
    },
    async append(events, receivedMs) {
      isSpent = true;
      const received = new Date(receivedMs).toISOString();
      const notes: SizeNote[] = [];
      let next = head;
      let lines = '';
      let last = '';
      for (const { event, text, subject } of events) {
        const seq = next.seq + 1;
        const transfer = transferOf(event);
        const volume = transfer ? sizes.resolve(seq, transfer) : NO_VOLUME;
        const note = transfer && sizeNoteOf(seq, transfer, volume);
        if (transfer) sizes.note(seq, transfer, volume);
        if (note) notes.push(note);
        const entry = appendEntry(
          next,
          { received, source: { stream: 'FILE', seq, subject }, origin: originOf(event), event: text, volume },
          sha256,
        );
        next = entry.head;
        last = entry.line;
        lines += `${last}\n`;
      }
      await using file = await open(path, 'a', 0o600);
      bytes = await lengthOf(file, { path, bytes });
      await write(file, { path, bytes, lines });
      bytes += Buffer.byteLength(lines);
      head = next;
      await keep(last, notes);
      isSpent = false;
    },
  };
}

/** Empty: the file before it was rotated away, or this one was truncated by that. @throws PublisherError NOT_WRITTEN */
async function lengthOf(file: FileHandle, { path, bytes }: { path: string; bytes: number }): Promise<number> {
  const { size } = await file.stat();
  if (size === bytes || size === 0) return size;
  throw new PublisherError('NOT_WRITTEN', `${path} has ${size} bytes, and had ${bytes}: somebody else changed it`);
}

interface Writing {
  readonly path: string;
  readonly bytes: number;
  readonly lines: string;
}

async function write(file: FileHandle, { path, bytes, lines }: Writing): Promise<void> {
  try {
    await file.writeFile(lines);
    await file.datasync();
    // It is a new one.
    if (bytes === 0) await syncDirectory(dirname(path));
  } catch (error) {
    await cutBack(file, bytes, error);
    throw error;
  }
}

/** By the handle: by the time of the next try, the name may be another file's. */
async function cutBack(file: FileHandle, size: number, cause: unknown): Promise<void> {
  try {
    await file.truncate(size);
  } catch (error) {
    // The next opening tries again, by the name.
    throw new Error(`${String(cause)}; cutting it back: ${String(error)}`, { cause: error });
  }
}

async function cutTo(path: string, keepBytes: number): Promise<void> {
  try {
    // A file that is shorter is another one, or was cut by its handle.
    if ((await stat(path)).size > keepBytes) await truncate(path, keepBytes);
  } catch (error) {
    ignoreMissing(error);
  }
}

interface Reading {
  readonly path: string;
  readonly orgid: string;
  readonly journal: StateJournal;
  readonly memory: ChainMemory | undefined;
}

/** Verifies what is there, and makes it end with a whole line. */
async function readChain({ path, orgid, journal, memory }: Reading): Promise<ChainMemory & { readonly bytes: number }> {
  const sizes = createSizeMemory();
  const splitter = createLineSplitter();
  let verifier: ChainVerifier | null = null;
  let head: Head | null = null;
  let wholeBytes = 0;
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Uint8Array>) {
      for (const line of splitter.push(chunk)) {
        wholeBytes += line.length + 1;
        if (verifier === null) {
          const fromSeq = firstSeq(line);
          for (const note of journal.sizes) if (note[0] < fromSeq) noteSize(sizes, note);
          verifier = createChainVerifier({ orgid, fromSeq, sha256 });
        }
        const entry = verifier.pushBytes(line)?.entry;
        if (!entry) continue;
        head = headOf(entry);
        const wrong = unlikeJournal(entry, journal);
        if (wrong !== null) verifier.fail(wrong);
        const transfer = entry.event && transferOf(entry.event);
        if (transfer) sizes.note(head.seq, transfer, entry.core.volume);
      }
    }
  } catch (error) {
    ignoreMissing(error);
  }
  if (verifier !== null) judge(path, verifier);
  const torn = splitter.finish();
  if (torn !== null) await cutTorn(path, torn, { wholeBytes, follows: head !== null });
  if (head !== null) return { head, sizes, bytes: wholeBytes };
  const ended = headOfState(journal) ?? emptyHead(orgid);
  if (memory && memory.head.seq >= ended.seq) return { ...memory, bytes: wholeBytes };
  for (const note of journal.sizes) noteSize(sizes, note);
  return { head: ended, sizes, bytes: wholeBytes };
}

const ENTRY_START = '{"core":{"event_hash":"';

/** @throws PublisherError NOT_WRITTEN when the line is no entry that a crash has cut off: the file is somebody else's */
async function cutTorn(path: string, torn: Uint8Array, at: { wholeBytes: number; follows: boolean }): Promise<void> {
  const start = Buffer.from(torn.subarray(0, ENTRY_START.length)).toString('latin1');
  // Zeros are what a power failure leaves of bytes that were not synced.
  const isTorn = at.follows || ENTRY_START.startsWith(start) || torn.every((byte) => byte === 0);
  if (!isTorn) throw new PublisherError('NOT_WRITTEN', `${path} has no entry in it: it is somebody else's`);
  await truncate(path, at.wholeBytes);
}

/** @throws PublisherError NOT_WRITTEN */
function judge(path: string, verifier: ChainVerifier): void {
  const { verdict, problem } = verifier.finish();
  // Holes are losses before the file was reached: no reason to lose more.
  if (verdict === 'ok' || verdict === 'incomplete') return;
  throw new PublisherError('NOT_WRITTEN', `${path} is ${verdict} at entry ${problem?.seq}: ${problem?.detail}`);
}

/** Where a file begins whose predecessor was rotated away; 1 for a line that is no entry, which the verifier judges. */
function firstSeq(line: Uint8Array): number {
  try {
    const { core } = JSON.parse(Buffer.from(line).toString()) as { core: { seq: unknown } };
    return Number.isSafeInteger(core.seq) && (core.seq as number) > 0 ? (core.seq as number) : 1;
  } catch {
    return 1;
  }
}

/** The file must contain the entry that was written last, or begin right after it. @returns what is wrong, or null */
function unlikeJournal({ core, hash }: Entry, { last }: StateJournal): string | null {
  if (last === null) return null;
  const { seq } = last.core;
  if (core.seq === seq && hash !== last.hash) return `it is not the entry ${seq} that was written`;
  if (core.seq === seq + 1 && core.prev_hash !== last.hash)
    return `it does not follow the entry ${seq} that was written`;
  return null;
}

function ignoreMissing(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}
