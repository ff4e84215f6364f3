/**
 * One organization's chain as a file of its entries: lines as `docs/format.md` §6 has them, so that
 * `waybill verify --file` takes it as it is.
 *
 * The file is the only state. Opening it verifies it from the first entry, cuts off a last line that a crash left
 * without its line feed, and goes on from the last entry. A file that does not verify is never appended to.
 */
import * as crypto from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, truncate } from 'node:fs/promises';
import {
  appendEntry,
  createChainVerifier,
  createLineSplitter,
  createSizeMemory,
  emptyHead,
  type Head,
  headOf,
  type JsonObject,
  NO_VOLUME,
  type SizeMemory,
  transferOf,
} from '@waybill/schema';
import { PublisherError } from './error.ts';

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
  /**
   * Appends events and syncs the file. Whole lines are written in order and count once they are synced. A crash before
   * leaves a torn line, which the next opening cuts off, or entries that nobody was told of. After an error this is
   * spent, and what it wrote is perhaps there: open the file anew, with `bytes`.
   *
   * @throws PublisherError NOT_WRITTEN when somebody else changed the file; else what the file system says
   */
  append(events: readonly ChainedEvent[], receivedMs: number): Promise<void>;
}

/**
 * @param keepBytes cut off what is after this: entries of an append that failed, whose events will be appended again
 * @throws PublisherError NOT_WRITTEN when the file does not verify; else what the file system says
 */
export async function openChainFile(path: string, orgid: string, keepBytes?: number): Promise<ChainFile> {
  const sizes = createSizeMemory();
  if (keepBytes !== undefined) await truncate(path, keepBytes).catch(ignoreMissing);
  let { head, bytes } = await readChain(path, orgid, sizes);

  return {
    get seq() {
      return head.seq;
    },
    get bytes() {
      return bytes;
    },
    async append(events, receivedMs) {
      const received = new Date(receivedMs).toISOString();
      let next = head;
      let lines = '';
      for (const { event, text, subject } of events) {
        const seq = next.seq + 1;
        const transfer = transferOf(event);
        const volume = transfer ? sizes.resolve(seq, transfer) : NO_VOLUME;
        if (transfer) sizes.note(seq, transfer, volume);
        const entry = appendEntry(
          next,
          { received, source: { stream: 'FILE', seq, subject }, event: text, volume },
          sha256,
        );
        next = entry.head;
        lines += `${entry.line}\n`;
      }
      await using file = await open(path, 'a', 0o600);
      const { size } = await file.stat();
      if (size !== bytes) {
        throw new PublisherError(
          'NOT_WRITTEN',
          `${path} has ${size} bytes, and had ${bytes}: somebody else changed it`,
        );
      }
      await file.writeFile(lines);
      await file.datasync();
      head = next;
      bytes += Buffer.byteLength(lines);
    },
  };
}

/** Verifies what is there, and makes it end with a whole line. */
async function readChain(path: string, orgid: string, sizes: SizeMemory): Promise<{ head: Head; bytes: number }> {
  const verifier = createChainVerifier({ orgid, sha256 });
  const splitter = createLineSplitter();
  let head = emptyHead(orgid);
  let wholeBytes = 0;
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Uint8Array>) {
      for (const line of splitter.push(chunk)) {
        wholeBytes += line.length + 1;
        const entry = verifier.pushBytes(line)?.entry;
        if (!entry) continue;
        head = headOf(entry);
        const { event } = entry;
        const transfer = event && transferOf(event);
        if (transfer) sizes.note(head.seq, transfer, entry.core.volume);
      }
    }
  } catch (error) {
    ignoreMissing(error);
    return { head, bytes: 0 };
  }
  const { verdict, problem } = verifier.finish();
  const isEmpty = wholeBytes === 0;
  // Holes are losses before the file was reached: no reason to lose more.
  if (!isEmpty && verdict !== 'ok' && verdict !== 'incomplete') {
    throw new PublisherError('NOT_WRITTEN', `${path} is ${verdict} at entry ${problem?.seq}: ${problem?.detail}`);
  }
  if (splitter.finish()) await truncate(path, wholeBytes);
  return { head, bytes: wholeBytes };
}

function ignoreMissing(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}
