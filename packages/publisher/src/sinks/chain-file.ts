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
import { type FileHandle, open, truncate } from 'node:fs/promises';
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
import { syncDirectory } from '../directory/sync-path.ts';
import { PublisherError } from '../error.ts';
import {
  headOfState,
  noteSize,
  openStateJournal,
  type SizeNote,
  sizeNoteOf,
  type StateJournal,
} from './chain-state.ts';

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
  /** After an append that failed: what of which file is good, if more may be in it. */
  readonly goodPart: FilePart | undefined;
  /** For the next opening, if file and journal are gone by then; not after an error. */
  readonly memory: ChainMemory | undefined;
  /**
   * Appends events and syncs the file. Whole lines are written in order and count once they are synced. A crash before
   * leaves a torn line, which the next opening cuts off, or entries that nobody was told of. After an error this is
   * spent, and what it wrote is perhaps there: open the file anew, with `goodPart`.
   *
   * @returns false: somebody else changed the file, and nothing was written. Open it anew, with `isWhole`: a rotation may
   *   have truncated it while it was written to, and the chain can go on
   * @throws what the file system says
   */
  append(events: readonly ChainedEvent[], receivedMs: number): Promise<boolean>;
}

/** The beginning of a file, which is known by more than its name: by the next try the name may be another file's. */
export interface FilePart {
  readonly bytes: number;
  readonly dev: bigint;
  readonly ino: bigint;
}

interface ChainMemory {
  readonly head: Head;
  readonly sizes: SizeMemory;
}

export interface ChainFileOptions {
  readonly path: string;
  readonly orgid: string;
  /** Cut off what is after this: entries of an append that failed, whose events will be appended again. */
  readonly goodPart?: FilePart | undefined;
  /** No crash has cut its last line: one without an end is somebody else's work. */
  readonly isWhole?: boolean;
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
  const { path, orgid, goodPart, memory, isWhole = false, failed } = options;
  const journal = await openStateJournal(`${path.slice(0, -EXTENSION.length)}.waybill-state`, orgid);
  if (goodPart !== undefined) await cutTo(path, goodPart);
  const read = await readChain({ path, orgid, journal, memory, isWhole });
  const { sizes } = read;
  let { head, bytes } = read;
  let isSpent = false;
  let unfinished: FilePart | undefined;

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
    get goodPart() {
      return unfinished;
    },
    get memory() {
      return isSpent ? undefined : { head, sizes };
    },
    async append(events, receivedMs) {
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
      const part = await partOf(file, bytes);
      if (part === null) return false;
      isSpent = true;
      unfinished = part;
      await write(file, { path, bytes: part.bytes, lines });
      unfinished = undefined;
      bytes = part.bytes + Buffer.byteLength(lines);
      head = next;
      await keep(last, notes);
      isSpent = false;
      return true;
    },
  };
}

/** Empty: the file before it was rotated away, or this one was truncated by that. @returns null: somebody else changed it */
async function partOf(file: FileHandle, bytes: number): Promise<FilePart | null> {
  const { size, dev, ino } = await file.stat({ bigint: true });
  return size === BigInt(bytes) || size === 0n ? { bytes: Number(size), dev, ino } : null;
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

async function cutTo(path: string, { bytes, dev, ino }: FilePart): Promise<void> {
  try {
    await using file = await open(path, 'r+');
    const found = await file.stat({ bigint: true });
    // Another file is not for us to cut, and one that is shorter was cut by its handle.
    if (found.dev === dev && found.ino === ino && found.size > BigInt(bytes)) await file.truncate(bytes);
  } catch (error) {
    ignoreMissing(error);
  }
}

interface Reading {
  readonly path: string;
  readonly orgid: string;
  readonly journal: StateJournal;
  readonly memory: ChainMemory | undefined;
  readonly isWhole: boolean;
}

/** Verifies what is there, and makes it end with a whole line. */
async function readChain({
  path,
  orgid,
  journal,
  memory,
  isWhole,
}: Reading): Promise<ChainMemory & { readonly bytes: number }> {
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
  const ended = headOfState(journal) ?? emptyHead(orgid);
  if (head !== null) endsLate(path, head, Math.max(ended.seq, memory?.head.seq ?? 0));
  if (torn !== null) await cutTorn(path, torn, { wholeBytes, isWhole });
  if (head !== null) return { head, sizes, bytes: wholeBytes };
  if (memory && memory.head.seq >= ended.seq) return { ...memory, bytes: wholeBytes };
  for (const note of journal.sizes) noteSize(sizes, note);
  return { head: ended, sizes, bytes: wholeBytes };
}

const ENTRY_START = '{"core":{"event_hash":"';

/** @throws PublisherError NOT_WRITTEN when the line is no entry that a crash has cut off: the file is somebody else's */
async function cutTorn(path: string, torn: Uint8Array, at: { wholeBytes: number; isWhole: boolean }): Promise<void> {
  // Zeros are what a power failure leaves of bytes that were not synced.
  const text = Buffer.from(torn).toString('latin1').replace(/\0+$/, '');
  const isTorn = !at.isWhole && ENTRY_START.startsWith(text.slice(0, ENTRY_START.length));
  if (!isTorn) throw new PublisherError('NOT_WRITTEN', `${path} ends in what is no entry: it is somebody else's`);
  await truncate(path, at.wholeBytes);
}

/** @throws PublisherError NOT_WRITTEN */
function judge(path: string, verifier: ChainVerifier): void {
  const { verdict, problem } = verifier.finish();
  // Holes are losses before the file was reached: no reason to lose more.
  if (verdict === 'ok' || verdict === 'incomplete') return;
  throw new PublisherError('NOT_WRITTEN', `${path} is ${verdict} at entry ${problem?.seq}: ${problem?.detail}`);
}

/**
 * A file that ends before what was written into it lost its end, or is an older copy: to go on there would give numbers
 * twice. Entries are synced before the journal has them, so no crash does this.
 *
 * @throws PublisherError NOT_WRITTEN
 */
function endsLate(path: string, { seq }: Head, written: number): void {
  if (seq >= written) return;
  throw new PublisherError(
    'NOT_WRITTEN',
    `${path} ends at entry ${seq}, and ${written} were written: it is an older copy`,
  );
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
