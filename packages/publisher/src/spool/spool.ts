/**
 * A publisher's own spool: a queue on disk that goes on where its memory ends, and the journal that a dead process
 * leaves to the next one.
 *
 * Events are appended in the order of emitting. Some are only on disk (`spooled`): those are a contiguous stretch, from
 * the cursor to the end, and are read back in order. In crash order:
 * 1. append: written before the event leaves memory, or before `emit` returns (sync). A crash in the middle leaves a line
 *    without an end, whose emit had not returned.
 * 2. sent and acknowledged: a crash in between sends it again, with the same id.
 * 3. a segment is deleted once every event in it is settled. A crash before it sends those of it again, too.
 */
import { dirname } from 'node:path';
import { createDiskTrouble } from './disk-trouble.ts';
import { createHomeLease } from './home-lease.ts';
import type { PendingEvent } from '../pending-event.ts';
import type { Segment } from '../segment.ts';
import { createSegmentCursor, type SpooledRecord } from './segment-cursor.ts';
import { createSegmentShelf } from './segment-shelf.ts';
import { createSegmentWriter } from './segment-writer.ts';
import { createHomeAdoption } from './home-adoption.ts';
import { syncDirectory, syncFile } from '../directory/sync-path.ts';

export interface SpoolOptions {
  readonly dir: string;
  readonly bootId: string;
  readonly maxBytes: number;
  readonly segmentBytes: number;
  /** After a failed write the disk is left alone for this long. */
  readonly retryMs: number;
  /** Paths in the directory that are not ours, and are left alone. Those beside the spools are told once. */
  strangers(paths: readonly string[]): void;
  /** A home of a dead publisher could not be taken over at this time. */
  notAdopted(home: string, error: unknown): void;
  /** Called now and then: publishers may have died, and `adopt` may find something. */
  lookAgain(): void;
}

export interface Spool {
  /** Writes events that stay in memory as well. false: nothing was written. */
  keep(events: readonly PendingEvent[]): boolean;
  /** Writes events that then may leave memory, to be read back by `next`. false: nothing was written. */
  take(events: readonly PendingEvent[]): boolean;
  /** The oldest records that are only on disk, to be in memory again; `lost` of them could not be read. */
  next(max: number): { readonly records: readonly SpooledRecord[]; readonly lost: number };
  /** One event of it was acknowledged or dropped. */
  settle(segment: Segment): void;
  /** Takes over the segments of the dead. @returns their paths, in order; null when the disk does not let us */
  adopt(): readonly string[] | null;
  /** What was written to it until now is on the medium. @throws whatever the file system throws */
  sync(segment: Segment): Promise<void>;
  /** Why nothing can be written at present, or null. */
  readonly trouble: string | null;
  /** Events that are only on disk. */
  readonly spooled: number;
  readonly bytes: number;
  readonly segments: number;
  readonly quarantined: number;
  /** What is appended from here on goes to another file. */
  cut(): void;
  /** Puts a segment aside. */
  setAside(path: string): void;
  /** Gives up the directory; what is unsettled in it is the next publisher's. */
  close(): void;
}

/** A segment is deleted early when all of it is settled and it is this long. */
const TRIM_BYTES = 256 * 1024;

/** Opens nothing before it is needed, and never throws: a disk that fails is a reason in `trouble`. */
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
    keep: (events) => append(events) !== null,
    take(events) {
      const at = append(events);
      if (at === null) return false;
      cursor.extend(at.segment, at.offset, events.length);
      return true;
    },
    next: cursor.next,
    settle(segment) {
      segment.unsettled--;
      if (segment.unsettled > 0) return;
      if (segment.sealed) done(segment);
      // A short one is still written to, so that a file is not made and deleted for each event.
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
    cut: writer.seal,
    setAside: shelf.setAside,
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
