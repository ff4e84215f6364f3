/**
 * Reads back, in order, the records of a spool that are only on disk: from the cursor to the end of the newest segment.
 */
import type { Segment } from '../segment.ts';
import type { DiskTrouble } from './disk-trouble.ts';
import { readSegment, type SegmentReader, type SegmentRecord } from './segment-file.ts';
import type { SegmentShelf } from './segment-shelf.ts';

export interface SpooledRecord extends SegmentRecord {
  readonly segment: Segment;
}

export interface SegmentCursor {
  /** Records were appended that are only on disk. @param offset where the first of them begins */
  extend(segment: Segment, offset: number, records: number): void;
  /** The oldest records; they are no longer only on disk. `lost` of them could not be read. */
  next(max: number): { readonly records: readonly SpooledRecord[]; readonly lost: number };
  /** The segment is about to be deleted. */
  forget(segment: Segment): void;
  close(): void;
  /** Records that are only on disk. */
  readonly left: number;
}

export interface SegmentCursorOptions {
  readonly shelf: SegmentShelf;
  readonly trouble: DiskTrouble;
  /** The segment is sealed, and all of its events are settled. */
  done(segment: Segment): void;
}

export function createSegmentCursor({ shelf, trouble, done }: SegmentCursorOptions): SegmentCursor {
  let left = 0;
  let reading: Segment | null = null;
  let reader: SegmentReader | null = null;
  /** Where the next reader begins. */
  let offset = 0;

  const close = (): void => {
    try {
      reader?.close();
    } catch (error) {
      trouble.failed('closing a segment', error);
    }
    reader = null;
    reading = null;
  };

  /** The segment's records that are only on disk cannot be read. @returns how many they are */
  const giveUp = (segment: Segment): number => {
    const lost = segment.unread;
    segment.unread = 0;
    segment.unsettled -= lost;
    segment.damaged = true;
    close();
    if (segment.sealed && segment.unsettled === 0) done(segment);
    return lost;
  };

  /** Reads from one segment. @returns how many records could not be read @throws whatever the file system throws */
  const readOn = (max: number, records: SpooledRecord[]): number => {
    if (reading === null || reading.unread === 0) {
      close();
      reading = shelf.oldestUnread();
      if (reading === null) return 0;
    }
    const segment = reading;
    reader ??= readSegment(segment.path, offset);
    offset = 0;
    const outcome = readRecords(reader, { segment, max, records });
    if (outcome === 'end') return giveUp(segment);
    return outcome === 'damaged' ? 1 : 0;
  };

  return {
    extend(segment, from, records) {
      if (left === 0) {
        // What is before it in this segment is in memory.
        close();
        reading = segment;
        offset = from;
      }
      segment.unread += records;
      left += records;
    },
    next(max) {
      const records: SpooledRecord[] = [];
      let lost = 0;
      while (left - records.length - lost > 0 && records.length < max) {
        try {
          lost += readOn(max, records);
        } catch (error) {
          if (reading === null) break;
          trouble.failed(`reading ${reading.path}`, error);
          lost += giveUp(reading);
        }
      }
      left -= records.length + lost;
      if (left === 0) close();
      return { records, lost };
    },
    forget(segment) {
      if (reading === segment) close();
    },
    close,
    get left() {
      return left;
    },
  };
}

interface Batch {
  readonly segment: Segment;
  readonly max: number;
  /** The records are added here. */
  readonly records: SpooledRecord[];
}

/** Reads until the batch is full, the segment has no unread record, or a line is damaged. */
function readRecords(reader: SegmentReader, { segment, max, records }: Batch): 'read' | 'damaged' | 'end' {
  while (segment.unread > 0 && records.length < max) {
    const item = reader.next();
    if (item.kind === 'end') return 'end';
    segment.unread--;
    if (item.kind === 'damaged') {
      segment.damaged = true;
      segment.unsettled--;
      return 'damaged';
    }
    records.push({ ...item.record, segment });
  }
  return 'read';
}
