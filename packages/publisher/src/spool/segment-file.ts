/**
 * A spool's segment file: lines of UTF-8, so that an operator can look at one with ordinary tools.
 *
 *     waybill-spool 1
 *     <crc32, 8 hex> <ordinal> <subject> <event, RFC 8785 JSON>
 *     ...
 *
 * The CRC-32 (zlib's) covers everything after the space that follows it. Canonical JSON and subjects have no line feed,
 * so a damaged record costs only itself: reading goes on after the next line feed. A last line without a line feed was
 * being written when a crash happened, and that write had not returned.
 */
import { Buffer } from 'node:buffer';
import { closeSync, openSync, readSync } from 'node:fs';
import * as zlib from 'node:zlib';
import { MAX_EVENT_BYTES } from '@waybill/schema/internal';

export const SEGMENT_HEADER = 'waybill-spool 1\n';
export const SEGMENT_SUFFIX = '.seg';

export interface SegmentRecord {
  /** Position among all events of the publisher that wrote the record. */
  readonly ordinal: number;
  readonly subject: string;
  readonly text: string;
}

/** Longer than any line that is written. */
const MAX_RECORD_BYTES = MAX_EVENT_BYTES + 1024;
const READ_BYTES = 256 * 1024;
const LINE_FEED = 10;
const SPACE = 32;

export function formatRecord({ ordinal, subject, text }: SegmentRecord): string {
  const body = `${ordinal} ${subject} ${text}`;
  return `${zlib.crc32(body).toString(16).padStart(8, '0')} ${body}\n`;
}

/** Length of what `formatRecord` returns, without making it. `bytes` is the length of the text as UTF-8. */
export function recordBytes({
  ordinal,
  subject,
  bytes,
}: Omit<SegmentRecord, 'text'> & { readonly bytes: number }): number {
  return 8 + 1 + String(ordinal).length + 1 + subject.length + 1 + bytes + 1;
}

/** The inverse of `formatRecord`, without the line feed; null for a line that is damaged. */
export function parseRecord(line: Buffer): SegmentRecord | null {
  if (line.length < 12 || line.length > MAX_RECORD_BYTES || line[8] !== SPACE) return null;
  const body = line.subarray(9);
  if (line.toString('latin1', 0, 8) !== zlib.crc32(body).toString(16).padStart(8, '0')) return null;
  const first = body.indexOf(SPACE);
  const second = body.indexOf(SPACE, first + 1);
  if (first < 1 || second < 0) return null;
  const ordinal = Number(body.toString('latin1', 0, first));
  if (!Number.isSafeInteger(ordinal) || ordinal < 0) return null;
  return { ordinal, subject: body.toString('latin1', first + 1, second), text: body.toString('utf8', second + 1) };
}

type SegmentItem =
  | { readonly kind: 'record'; readonly record: SegmentRecord; readonly bytes: number }
  /** A line that is no record. */
  | { readonly kind: 'damaged' }
  /** No more records at present. `torn`: the last line has no line feed. */
  | { readonly kind: 'end'; readonly torn: boolean };

export interface SegmentReader {
  /** @throws whatever the file system throws */
  next(): SegmentItem;
  close(): void;
}

/**
 * Streams a file's records; holds a few hundred kilobytes of it at a time.
 *
 * @param offset 0, where the header is, or the start of a record
 * @throws whatever the file system throws
 */
export function readSegment(path: string, offset = 0): SegmentReader {
  const fd = openSync(path, 'r');
  let position = offset;
  let chunk = Buffer.alloc(0);
  let start = 0;
  let atHeader = offset === 0;
  /** In a line that is too long to be a record. */
  let skipping = false;

  const readMore = (): boolean => {
    const rest = chunk.subarray(start);
    if (rest.length > MAX_RECORD_BYTES) skipping = true;
    const kept = skipping ? Buffer.alloc(0) : rest;
    const more = Buffer.allocUnsafe(kept.length + READ_BYTES);
    kept.copy(more);
    const count = readSync(fd, more, kept.length, READ_BYTES, position);
    position += count;
    chunk = more.subarray(0, kept.length + count);
    start = 0;
    return count > 0;
  };

  return {
    next() {
      for (;;) {
        const end = chunk.indexOf(LINE_FEED, start);
        if (end < 0) {
          if (readMore()) continue;
          return { kind: 'end', torn: skipping || chunk.length > 0 };
        }
        const line = chunk.subarray(start, end);
        start = end + 1;
        const damaged = skipping;
        skipping = false;
        if (atHeader) {
          atHeader = false;
          if (!damaged && line.toString('latin1') === SEGMENT_HEADER.trimEnd()) continue;
          return { kind: 'damaged' };
        }
        const record = damaged ? null : parseRecord(line);
        return record === null ? { kind: 'damaged' } : { kind: 'record', record, bytes: line.length + 1 };
      }
    },
    close: () => closeSync(fd),
  };
}
