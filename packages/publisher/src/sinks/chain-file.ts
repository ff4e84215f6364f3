/**
 * One organization's chain as a file of its entries. The lines are those of the format's §6, so `waybill verify --file`
 * takes the file as it is.
 *
 * The file is the state. Opening it verifies it from its first entry, cuts off a last line that a crash left without
 * its line feed, and continues after the last entry. A file that does not verify is never appended to. A file that is
 * gone or empty was rotated: the next file continues the chain, from memory or from the journal (`chain-state.ts`).
 */
import * as crypto from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, truncate } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type ChainVerifier, createChainVerifier, createLineSplitter } from '@waybill/schema';
import {
  appendEntry,
  createSizeMemory,
  emptyHead,
  type Entry,
  type Head,
  headOf,
  type JsonObject,
  NO_VOLUME,
  originOf,
  organizationFileName,
  parseEntry,
  type SizeMemory,
  transferOf,
} from '@waybill/schema/internal';
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
  /** `seq` of the last entry that is written and synced; 0 when there is none. */
  readonly seq: number;
  /** After a failed append: the part of the file that is good, if the file may contain more. */
  readonly goodPart: FilePart | undefined;
  /** For the next opening, in case file and journal are gone by then. undefined after an error. */
  readonly memory: ChainMemory | undefined;
  /**
   * Appends events and syncs the file. Lines are written in order and count once they are synced. A crash before that
   * leaves a torn line, which the next opening cuts off, or entries that nobody was told of. After an error this handle
   * is used up and some lines may be in the file: open the file again with `goodPart`.
   *
   * @returns false: somebody else changed the file, and nothing was written. Open it again with `isWhole`: a rotation
   *   may have truncated the file between two writes, and then the chain can continue
   * @throws what the file system says
   */
  append(events: readonly ChainedEvent[], receivedMs: number): Promise<boolean>;
}

/**
 * The first `bytes` of a file. Device and inode identify it, because the name may belong to another file by the next
 * try.
 */
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
  /** Cut off everything after this part: entries of a failed append, whose events will be appended again. */
  readonly goodPart?: FilePart | undefined;
  /** No crash can have cut the last line: a line without its line feed was written by somebody else. */
  readonly isWhole?: boolean;
  /** From the last opening by this process. */
  readonly memory?: ChainMemory | undefined;
  /** Something failed that loses no event. */
  failed(what: string, error: unknown): void;
}

const EXTENSION = '.ndjson';

/** An organization's file. */
export function chainFilePath(directory: string, orgid: string): string {
  return join(directory, `${organizationFileName(orgid)}${EXTENSION}`);
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
      // The file has everything; the journal's next line includes what this one lacks.
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

/** An empty file is new after a rotation, or was truncated by one. @returns null: somebody else changed the file */
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
    // The file is new, so its name needs a sync too.
    if (bytes === 0) await syncDirectory(dirname(path));
  } catch (error) {
    await cutBack(file, bytes, error);
    throw error;
  }
}

/** Uses the handle, because the name may belong to another file by the next try. */
async function cutBack(file: FileHandle, size: number, cause: unknown): Promise<void> {
  try {
    await file.truncate(size);
  } catch (error) {
    // The next opening tries again and uses the name.
    throw new Error(`${String(cause)}; cutting it back: ${String(error)}`, { cause: error });
  }
}

async function cutTo(path: string, { bytes, dev, ino }: FilePart): Promise<void> {
  try {
    await using file = await open(path, 'r+');
    const found = await file.stat({ bigint: true });
    // A different file is not ours to cut, and a shorter one was cut through its handle already.
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

/** Verifies the file, and cuts off a torn last line. */
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

/** @throws PublisherError NOT_WRITTEN when the last line is not the beginning of an entry: somebody else wrote it */
async function cutTorn(path: string, torn: Uint8Array, at: { wholeBytes: number; isWhole: boolean }): Promise<void> {
  // After a power failure, bytes that were not synced may read as zeros.
  const text = Buffer.from(torn).toString('latin1').replace(/\0+$/, '');
  const isTorn = !at.isWhole && ENTRY_START.startsWith(text.slice(0, ENTRY_START.length));
  if (!isTorn) throw new PublisherError('NOT_WRITTEN', `${path} ends in what is no entry: it is somebody else's`);
  await truncate(path, at.wholeBytes);
}

/** @throws PublisherError NOT_WRITTEN */
function judge(path: string, verifier: ChainVerifier): void {
  const { verdict, problem } = verifier.finish();
  // `incomplete`: events were lost before they reached the file. That is no reason to lose more.
  if (verdict === 'ok' || verdict === 'incomplete') return;
  throw new PublisherError('NOT_WRITTEN', `${path} is ${verdict} at entry ${problem?.seq}: ${problem?.detail}`);
}

/**
 * Refuses a file that ends before the last entry that was written: it lost its end or is an older copy, and appending
 * would use numbers twice. Entries are synced before the journal names them, so no crash can cause this.
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

/**
 * `seq` of the file's first entry, above 1 after a rotation; 1 for a line that is no entry, which the verifier rejects.
 */
function firstSeq(line: Uint8Array): number {
  try {
    const { core } = JSON.parse(Buffer.from(line).toString()) as { core: { seq: unknown } };
    return Number.isSafeInteger(core.seq) && (core.seq as number) > 0 ? (core.seq as number) : 1;
  } catch {
    return 1;
  }
}

/** The file must contain the last entry in the journal, or begin right after it. @returns what is wrong, or null */
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
