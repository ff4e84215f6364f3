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
import { Buffer } from 'node:buffer';
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { LOCK_RENEW_MS } from '../directory/directory-lock.ts';
import { syncDirectory, syncFile } from '../directory/sync-path.ts';
import type { PendingEvent, Segment } from '../pending-event.ts';
import {
  formatRecord,
  readSegment,
  recordBytes,
  SEGMENT_HEADER,
  type SegmentReader,
  type SegmentRecord,
} from './segment-file.ts';
import { deleteFile, quarantine } from './spool-directory.ts';
import { openHome, type SpoolHome } from './spool-home.ts';

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
  /** Whether a write is worth a try. */
  readonly writable: boolean;
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

interface SpooledRecord extends SegmentRecord {
  readonly segment: Segment;
}

/** A segment is deleted early when all of it is settled and it is this long. */
const TRIM_BYTES = 256 * 1024;

/** Opens nothing before it is needed, and never throws: a disk that fails is a reason in `trouble`. */
export function createSpool(options: SpoolOptions): Spool {
  const { dir, bootId, maxBytes, segmentBytes, retryMs } = options;
  const segments = new Set<Segment>();
  let home: SpoolHome | null = null;
  let renewal: NodeJS.Timeout | undefined;
  let current: Segment | null = null;
  let fd = -1;
  let bytes = 0;
  let spooled = 0;
  let quarantined = 0;
  let reader: SegmentReader | null = null;
  /** What `next` reads. */
  let reading: Segment | null = null;
  let readingFrom = 0;
  let trouble: string | null = null;
  let retryAt = 0;
  let closed = false;
  let lookedThrough = false;
  /** Homes; each is told once. */
  const notAdopted = new Set<string>();
  /** Segments that were made, and how many of them their directory's own sync has covered. */
  let files = 0;
  let synced = 0;

  const failed = (what: string, error: unknown): void => {
    trouble = `spool: ${what}: ${error instanceof Error ? error.message : String(error)}`;
    retryAt = performance.now() + retryMs;
  };

  /** @throws whatever the file system throws */
  const openedHome = (): SpoolHome => {
    if (home) return home;
    home = openHome(dir, bootId);
    renewal = setInterval(() => {
      holdHome((held) => held.renew());
      options.lookAgain();
    }, LOCK_RENEW_MS).unref();
    return home;
  };

  /** Taken over while this process was stopped: its new owner delivers what is in it, we begin another. */
  const holdHome = (look: (held: SpoolHome) => void): void => {
    try {
      if (home) look(home);
    } catch (error) {
      abandon();
      failed('its directory was taken over', error);
    }
  };

  const abandon = (): void => {
    clearInterval(renewal);
    home = null;
    seal();
  };

  const seal = (): void => {
    const segment = current;
    if (segment === null) return;
    current = null;
    segment.sealed = true;
    try {
      closeSync(fd);
    } catch (error) {
      failed(`closing ${segment.path}`, error);
    }
    if (segment.unsettled === 0) remove(segment);
  };

  const remove = (segment: Segment): void => {
    segments.delete(segment);
    bytes -= segment.bytes;
    if (reading === segment) stopReading();
    try {
      if (segment.damaged) setAside(segment.path);
      else deleteFile(segment.path);
    } catch (error) {
      // What is left there is sent again by the next publisher, and known already.
      failed(`deleting ${segment.path}`, error);
    }
  };

  const setAside = (path: string): void => {
    quarantined++;
    try {
      quarantine(dir, path);
    } catch (error) {
      failed(`putting ${path} aside`, error);
    }
  };

  /** @throws whatever the file system throws */
  const segmentFor = (event: PendingEvent): Segment => {
    if (current !== null && current.bytes >= segmentBytes) seal();
    if (current !== null) return current;
    const path = openedHome().segmentPath(event.ordinal);
    fd = openSync(path, 'wx', 0o600);
    files++;
    current = { path, unsettled: 0, unread: 0, bytes: 0, sealed: false, damaged: false };
    segments.add(current);
    writeAt(Buffer.from(SEGMENT_HEADER), current);
    return current;
  };

  /** All or nothing. @throws whatever the file system throws */
  const writeAt = (data: Buffer, segment: Segment): void => {
    let done = 0;
    try {
      // A disk that gets full takes a part first and refuses afterwards.
      while (done < data.length) done += writeSync(fd, data, done, data.length - done, segment.bytes + done);
    } catch (error) {
      try {
        ftruncateSync(fd, segment.bytes);
      } catch (cause) {
        // What stays is a torn line, or whole records that are sent twice: neither is a loss.
        failed('cutting a failed write', cause);
      }
      throw error;
    }
    segment.bytes += data.length;
    bytes += data.length;
  };

  /** null: nothing was written. */
  const append = (events: readonly PendingEvent[]): { segment: Segment; offset: number } | null => {
    const [first] = events;
    if (first === undefined || closed || !isWritable()) return null;
    // What is written to a segment that another publisher has taken and delivered would be lost with it.
    holdHome((held) => held.check());
    let size = 0;
    for (const event of events) size += recordBytes(event);
    // Before anything is formatted: while the spool is full, each `emit` comes here.
    if (bytes + size > maxBytes) {
      trouble = `spool: ${bytes} of ${maxBytes} bytes are in use`;
      retryAt = 0;
      return null;
    }
    let lines = '';
    for (const event of events) lines += formatRecord(event);
    const data = Buffer.from(lines);
    try {
      const segment = segmentFor(first);
      const offset = segment.bytes;
      writeAt(data, segment);
      trouble = null;
      segment.unsettled += events.length;
      for (const event of events) event.segment = segment;
      return { segment, offset };
    } catch (error) {
      failed(`writing to ${dir}`, error);
      // Another file next time: this one's descriptor may be what is broken.
      seal();
      return null;
    }
  };

  const isWritable = (): boolean => trouble === null || performance.now() >= retryAt;

  const stopReading = (): void => {
    try {
      reader?.close();
    } catch (error) {
      failed('closing a segment', error);
    }
    reader = null;
    reading = null;
  };

  /** The segment that has the oldest record that is only on disk. */
  const findUnread = (): Segment | null => {
    for (const segment of segments) if (segment.unread > 0) return segment;
    return null;
  };

  /** Its records that are only on disk cannot be read. */
  const giveUp = (segment: Segment): number => {
    const lost = segment.unread;
    segment.unread = 0;
    segment.unsettled -= lost;
    segment.damaged = true;
    stopReading();
    if (segment.sealed && segment.unsettled === 0) remove(segment);
    return lost;
  };

  const readNext = (max: number, records: SpooledRecord[]): number => {
    if (reading === null || reading.unread === 0) {
      stopReading();
      reading = findUnread();
      if (reading === null) return 0;
    }
    const segment = reading;
    reader ??= readSegment(segment.path, readingFrom);
    readingFrom = 0;
    while (segment.unread > 0 && records.length < max) {
      const item = reader.next();
      if (item.kind === 'end') return giveUp(segment);
      if (item.kind === 'damaged') {
        segment.damaged = true;
        segment.unread--;
        segment.unsettled--;
        return 1;
      }
      segment.unread--;
      records.push({ ...item.record, segment });
    }
    return 0;
  };

  return {
    keep: (events) => append(events) !== null,
    take(events) {
      const at = append(events);
      if (at === null) return false;
      if (spooled === 0) {
        // What is before it in this segment is in memory.
        stopReading();
        reading = at.segment;
        readingFrom = at.offset;
      }
      at.segment.unread += events.length;
      spooled += events.length;
      return true;
    },
    next(max) {
      const records: SpooledRecord[] = [];
      let lost = 0;
      while (spooled - records.length - lost > 0 && records.length < max) {
        try {
          lost += readNext(max, records);
        } catch (error) {
          if (reading === null) break;
          failed(`reading ${reading.path}`, error);
          lost += giveUp(reading);
        }
      }
      spooled -= records.length + lost;
      if (spooled === 0) stopReading();
      return { records, lost };
    },
    settle(segment) {
      segment.unsettled--;
      if (segment.unsettled > 0) return;
      // A short one goes on being written, so that a file is not made and deleted for each event.
      if (segment.sealed) remove(segment);
      else if (segment.bytes >= Math.min(segmentBytes, TRIM_BYTES)) seal();
    },
    adopt() {
      if (closed || !isWritable()) return null;
      try {
        const found = openedHome().adopt();
        trouble = null;
        // In a directory of somebody else's, new names may come all the time: those of the first look are enough.
        const untold = lookedThrough ? found.strangersWithin : [...found.strangers, ...found.strangersWithin];
        lookedThrough = true;
        if (untold.length > 0) options.strangers(untold);
        for (const failure of found.failures) {
          if (!notAdopted.has(failure.home)) options.notAdopted(failure.home, failure.error);
          notAdopted.add(failure.home);
        }
        return found.segments;
      } catch (error) {
        failed(`opening ${dir}`, error);
        return null;
      }
    },
    async sync({ path }) {
      // By its name: our own descriptor may be closed, and its number another file's, before the call is carried out.
      await syncFile(path);
      const covers = files;
      if (synced >= covers) return;
      for (const directory of [dirname(path), dir, dirname(dir)]) await syncDirectory(directory);
      synced = Math.max(synced, covers);
    },
    get trouble() {
      return trouble;
    },
    get writable() {
      return isWritable();
    },
    get spooled() {
      return spooled;
    },
    get bytes() {
      return bytes;
    },
    get segments() {
      return segments.size;
    },
    get quarantined() {
      return quarantined;
    },
    cut: seal,
    setAside,
    close() {
      closed = true;
      stopReading();
      seal();
      clearInterval(renewal);
      try {
        home?.release();
      } catch (error) {
        failed(`leaving ${dir}`, error);
      }
      home = null;
    },
  };
}
