/**
 * Appends events to the spool's newest segment file. A write is all or nothing: what a failed one left is cut off, and
 * the next write goes to a new file.
 */
import { Buffer } from 'node:buffer';
import type { PendingEvent } from '../pending-event.ts';
import { createSegment, type Segment } from '../segment.ts';
import { type AppendFile, createAppendFile } from './append-file.ts';
import type { DiskTrouble } from './disk-trouble.ts';
import { formatRecord, recordBytes, SEGMENT_HEADER } from './segment-file.ts';
import type { SegmentShelf } from './segment-shelf.ts';

export interface SegmentWriterOptions {
  readonly shelf: SegmentShelf;
  readonly trouble: DiskTrouble;
  /** In words for a log. */
  readonly dir: string;
  /** Bound of all segments together. */
  readonly maxBytes: number;
  /** A segment is sealed once it has so many. */
  readonly segmentBytes: number;
  /** Where a segment goes whose first event has this ordinal. @throws whatever the file system throws */
  segmentPath(firstOrdinal: number): string;
  /** The segment was sealed, and all of its events are settled. */
  done(segment: Segment): void;
}

export interface SegmentWriter {
  /** @returns where the first record begins; null: nothing was written, and the trouble says why */
  append(events: readonly PendingEvent[]): { readonly segment: Segment; readonly offset: number } | null;
  /** What is appended from here on goes to another file. */
  seal(): void;
  /** Files that were made so far. */
  readonly files: number;
}

export function createSegmentWriter(options: SegmentWriterOptions): SegmentWriter {
  const { shelf, trouble, dir, maxBytes, segmentBytes } = options;
  let current: Segment | null = null;
  let file: AppendFile | null = null;
  let files = 0;

  const seal = (): void => {
    const segment = current;
    if (segment === null) return;
    current = null;
    segment.sealed = true;
    try {
      file?.close();
    } catch (error) {
      trouble.failed(`closing ${segment.path}`, error);
    }
    if (segment.unsettled === 0) options.done(segment);
  };

  /** @throws whatever the file system throws */
  const segmentFor = (event: PendingEvent): Segment => {
    if (current !== null && current.bytes >= segmentBytes) seal();
    if (current !== null) return current;
    const path = options.segmentPath(event.ordinal);
    // A torn line, or whole records that are sent twice, stay in the file then. Neither loses an event.
    file = createAppendFile(path, (error) => trouble.failed('cutting a failed write', error));
    files++;
    current = createSegment(path);
    shelf.add(current);
    write(Buffer.from(SEGMENT_HEADER), current);
    return current;
  };

  /** @throws whatever the file system throws */
  const write = (data: Buffer, segment: Segment): void => {
    file?.write(data, segment.bytes);
    shelf.grow(segment, data.length);
  };

  return {
    append(events) {
      const [first] = events;
      if (first === undefined) return null;
      let size = 0;
      for (const event of events) size += recordBytes(event);
      // Before anything is formatted: while the spool is full, each `emit` comes here.
      if (shelf.bytes + size > maxBytes) {
        trouble.full(shelf.bytes, maxBytes);
        return null;
      }
      let lines = '';
      for (const event of events) lines += formatRecord(event);
      const data = Buffer.from(lines);
      try {
        const segment = segmentFor(first);
        const offset = segment.bytes;
        write(data, segment);
        trouble.clear();
        segment.unsettled += events.length;
        for (const event of events) event.segment = segment;
        return { segment, offset };
      } catch (error) {
        trouble.failed(`writing to ${dir}`, error);
        // Another file next time: this one's descriptor may be what is broken.
        seal();
        return null;
      }
    },
    seal,
    get files() {
      return files;
    },
  };
}
