/**
 * The segments of a spool that are in use, the oldest first, and where they go when all of their events are settled.
 */
import type { Segment } from '../segment.ts';
import type { DiskTrouble } from './disk-trouble.ts';
import { deleteFile, moveToQuarantine } from './spool-directory.ts';

export interface SegmentShelf {
  add(segment: Segment): void;
  /** Bytes were appended to a segment that is here. */
  grow(segment: Segment, bytes: number): void;
  /** Deletes the segment's file, or puts it aside when a record in it was damaged. */
  remove(segment: Segment): void;
  /** Moves a segment file to quarantine, for an operator to look at. */
  quarantine(path: string): void;
  /** The segment with the oldest record that is only on disk. */
  oldestUnread(): Segment | null;
  readonly bytes: number;
  readonly count: number;
  /** Segments that were put aside. */
  readonly quarantined: number;
}

export function createSegmentShelf(dir: string, trouble: DiskTrouble): SegmentShelf {
  const segments = new Set<Segment>();
  let bytes = 0;
  let quarantined = 0;

  const quarantine = (path: string): void => {
    quarantined++;
    try {
      moveToQuarantine(dir, path);
    } catch (error) {
      trouble.failed(`putting ${path} aside`, error);
    }
  };

  return {
    add: (segment) => void segments.add(segment),
    grow(segment, more) {
      segment.bytes += more;
      bytes += more;
    },
    remove(segment) {
      segments.delete(segment);
      bytes -= segment.bytes;
      if (segment.damaged) return quarantine(segment.path);
      try {
        deleteFile(segment.path);
      } catch (error) {
        // The next publisher sends the segment's events again, and the stream knows them already.
        trouble.failed(`deleting ${segment.path}`, error);
      }
    },
    quarantine,
    oldestUnread() {
      for (const segment of segments) if (segment.unread > 0) return segment;
      return null;
    },
    get bytes() {
      return bytes;
    },
    get count() {
      return segments.size;
    },
    get quarantined() {
      return quarantined;
    },
  };
}
