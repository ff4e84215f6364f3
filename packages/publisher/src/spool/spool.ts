/**
 * The `spool/` room: events on disk. A spool is the part of the queue that does not fit into memory, and the journal
 * that a dead process leaves to the next publisher. This room knows files and records of events. It stamps, sends and
 * counts nothing.
 *
 * Events are appended in the order in which they were emitted. Those that are only on disk (`spooled`) are contiguous:
 * they reach from the cursor to the end, and are read back in order. What a crash leaves, step by step:
 * 1. An event is appended before it leaves memory, or before `emit` returns (durability `sync`). A crash meanwhile
 *    leaves a line without its line feed; the `emit` of that event had not returned.
 * 2. The event is sent and acknowledged. A crash in between makes the next publisher send it again, with the same id.
 * 3. The segment is deleted once every event in it is settled. A crash before that makes the next publisher send all of
 *    them again, and the stream recognizes them by their ids.
 */
import { dirname } from 'node:path';
import { syncDirectory, syncFile } from '../directory/sync-path.ts';
import type { PendingEvent } from '../pending-event.ts';
import type { Segment } from '../segment.ts';
import { createDiskTrouble } from './disk-trouble.ts';
import { createHomeAdoption } from './home-adoption.ts';
import { createHomeLease } from './home-lease.ts';
import { createSegmentCursor, type SpooledRecord } from './segment-cursor.ts';
import { createSegmentShelf } from './segment-shelf.ts';
import { createSegmentWriter } from './segment-writer.ts';

export interface SpoolOptions {
  readonly dir: string;
  readonly bootId: string;
  readonly maxBytes: number;
  readonly segmentBytes: number;
  /** Milliseconds without another try after a failed write. */
  readonly retryMs: number;
  /** Names in the directory that are not ours and are left alone. Those beside the homes are reported once. */
  strangers(paths: readonly string[]): void;
  /** A home of a dead publisher could not be taken over at this time. */
  notAdopted(home: string, error: unknown): void;
  /** Called every few seconds: other publishers may have died, and `adopt` may find their segments. */
  lookAgain(): void;
}

export interface Spool {
  /** Writes events that stay in memory too. @returns false: nothing was written */
  journal(events: readonly PendingEvent[]): boolean;
  /** Writes events that then leave memory; `readBack` returns them. @returns false: nothing was written */
  spill(events: readonly PendingEvent[]): boolean;
  /** Reads the oldest records that are only on disk. `lost` more of them could not be read. */
  readBack(max: number): { readonly records: readonly SpooledRecord[]; readonly lost: number };
  /** One event of the segment was acknowledged or dropped. */
  settle(segment: Segment): void;
  /** Takes over the segments of dead publishers. @returns their paths, in order; null when the disk fails */
  adopt(): readonly string[] | null;
  /** Brings what was written to the segment so far to the medium. @throws whatever the file system throws */
  sync(segment: Segment): Promise<void>;
  /** Why nothing can be written at present, or null. */
  readonly trouble: string | null;
  /** Events that are only on disk. */
  readonly spooled: number;
  readonly bytes: number;
  readonly segments: number;
  readonly quarantined: number;
  /** The next append begins a new segment. */
  startSegment(): void;
  /** Moves a segment file to quarantine. */
  quarantine(path: string): void;
  /** Releases the home. What is unsettled in it goes to the next publisher. */
  close(): void;
}

/** A segment of this size is sealed and deleted as soon as all of its events are settled. */
const TRIM_BYTES = 256 * 1024;

/** Opens nothing before it is needed, and never throws: `trouble` says why the disk fails. */
export function createSpool(options: SpoolOptions): Spool {
  const { dir, bootId, segmentBytes } = options;
  const trouble = createDiskTrouble(options.retryMs);
  const shelf = createSegmentShelf(dir, trouble);
  const lease = createHomeLease({
    dir,
    bootId,
    trouble,
    takenOver: () => writer.seal(),
    renewed: () => options.lookAgain(),
  });
  const cursor = createSegmentCursor({ shelf, trouble, done });
  const writer = createSegmentWriter({
    ...options,
    shelf,
    trouble,
    segmentPath: (firstOrdinal) => lease.open().segmentPath(firstOrdinal),
    done,
  });
  const adopt = createHomeAdoption({ ...options, lease, trouble });
  const sync = createSegmentSync(dir, () => writer.files);
  let closed = false;

  function done(segment: Segment): void {
    cursor.forget(segment);
    shelf.remove(segment);
  }

  const append = (events: readonly PendingEvent[]): ReturnType<typeof writer.append> => {
    if (closed || events.length === 0 || !trouble.mayTry) return null;
    lease.check();
    return writer.append(events);
  };

  return {
    journal: (events) => append(events) !== null,
    spill(events) {
      const at = append(events);
      if (at === null) return false;
      cursor.extend(at.segment, at.offset, events.length);
      return true;
    },
    readBack: cursor.next,
    settle(segment) {
      segment.unsettled--;
      if (segment.unsettled > 0) return;
      if (segment.sealed) done(segment);
      // A short segment stays open: otherwise each event would make and delete a file.
      else if (segment.bytes >= Math.min(segmentBytes, TRIM_BYTES)) writer.seal();
    },
    adopt: () => (closed || !trouble.mayTry ? null : adopt()),
    sync: ({ path }) => sync(path),
    get trouble() {
      return trouble.reason;
    },
    get spooled() {
      return cursor.left;
    },
    get bytes() {
      return shelf.bytes;
    },
    get segments() {
      return shelf.count;
    },
    get quarantined() {
      return shelf.quarantined;
    },
    startSegment: writer.seal,
    quarantine: shelf.quarantine,
    close() {
      closed = true;
      cursor.close();
      writer.seal();
      lease.release();
    },
  };
}

/** Puts a segment on the medium, and its name when files were made since. @param files how many were made so far */
function createSegmentSync(dir: string, files: () => number): (path: string) => Promise<void> {
  let synced = 0;
  return async (path) => {
    // By its name: our own descriptor may be closed, and its number another file's, before the call is carried out.
    await syncFile(path);
    const made = files();
    if (synced >= made) return;
    for (const directory of [dirname(path), dir, dirname(dir)]) await syncDirectory(directory);
    synced = Math.max(synced, made);
  };
}
