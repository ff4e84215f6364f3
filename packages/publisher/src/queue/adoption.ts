/**
 * What dead publishers left behind, on its way to the stream: their segments are streamed in order, with the ids and
 * numbers that the events were given then, a few at a time. A segment is deleted once all of it is settled, and put
 * aside when a record of it was damaged.
 */
import { Buffer } from 'node:buffer';
import { memoryOf, type PendingEvent, type Segment } from '../pending-event.ts';
import { readSegment, type SegmentReader, type SegmentRecord } from '../spool/segment-file.ts';
import { deleteFile } from '../spool/spool-directory.ts';
import type { AdoptedStats } from '../stats.ts';

export interface Adoption {
  add(paths: readonly string[]): void;
  /** The next events, at most so many that `maxInMemory` are on their way. */
  next(): PendingEvent[];
  acked(event: PendingEvent): void;
  dropped(event: PendingEvent): void;
  /** Whether `next` may have more. */
  readonly waiting: boolean;
  stats(): AdoptedStats;
  close(): void;
}

export interface AdoptionOptions {
  readonly maxInMemory: number;
  /** Of those in memory, how many wait for a right: not on their way, and bounded elsewhere. */
  parked(): number;
  setAside(path: string): void;
  failed(what: string, error: unknown): void;
}

/** Events for one turn. */
const BATCH = 128;

export function createAdoption({ maxInMemory, parked, setAside, failed }: AdoptionOptions): Adoption {
  const paths: string[] = [];
  /** How many of them were taken; shifting a long array costs as much as it is long. */
  let taken = 0;
  const open = new Set<Segment>();
  let reading: { segment: Segment; reader: SegmentReader } | null = null;
  let scanned = false;
  const counts = { found: 0, acked: 0, dropped: 0, inMemory: 0, damaged: 0, torn: 0 };

  const finish = (segment: Segment): void => {
    if (!segment.sealed || segment.unsettled > 0) return;
    open.delete(segment);
    try {
      if (segment.damaged) setAside(segment.path);
      else deleteFile(segment.path);
    } catch (error) {
      failed(`deleting ${segment.path}`, error);
    }
  };

  const startNext = (): typeof reading => {
    while (taken < paths.length) {
      const path = paths[taken++] as string;
      const segment: Segment = { path, unsettled: 0, unread: 0, bytes: 0, sealed: false, damaged: false };
      try {
        const started = { segment, reader: readSegment(path) };
        open.add(segment);
        return started;
      } catch (error) {
        // Stays for the next start.
        failed(`reading ${path}`, error);
      }
    }
    return null;
  };

  const endReading = (): void => {
    if (reading === null) return;
    const { segment, reader } = reading;
    reading = null;
    segment.sealed = true;
    reader.close();
    finish(segment);
  };

  /** null: this segment has no more. */
  const readOne = ({ segment, reader }: NonNullable<typeof reading>): PendingEvent | 'damaged' | null => {
    const item = reader.next();
    if (item.kind === 'end') {
      if (item.torn) counts.torn++;
      return null;
    }
    const event = item.kind === 'record' ? restoreEvent(item.record, { segment, adopted: true, waiter: null }) : null;
    if (event !== null) return event;
    counts.damaged++;
    segment.damaged = true;
    return 'damaged';
  };

  const hasRoom = (): boolean => counts.inMemory - parked() < maxInMemory;

  const settled = (event: PendingEvent): void => {
    counts.inMemory--;
    if (event.segment === null) return;
    event.segment.unsettled--;
    finish(event.segment);
  };

  return {
    add(more) {
      scanned = true;
      for (const path of more) paths.push(path);
    },
    next() {
      const events: PendingEvent[] = [];
      while (events.length < BATCH && hasRoom()) {
        reading ??= startNext();
        if (reading === null) break;
        try {
          const event = readOne(reading);
          if (event === null) endReading();
          else if (event !== 'damaged') {
            reading.segment.unsettled++;
            counts.found++;
            counts.inMemory++;
            events.push(event);
          }
        } catch (error) {
          failed(`reading ${reading.segment.path}`, error);
          reading.segment.damaged = true;
          endReading();
        }
      }
      return events;
    },
    acked(event) {
      counts.acked++;
      settled(event);
    },
    dropped(event) {
      counts.dropped++;
      settled(event);
    },
    get waiting() {
      return hasRoom() && (reading !== null || taken < paths.length);
    },
    stats: () => ({ scanned, ...counts, segments: open.size + paths.length - taken }),
    close() {
      paths.length = 0;
      taken = 0;
      reading?.reader.close();
      reading = null;
    },
  };
}

const VISIBLE = /^[!-~]{1,512}$/;

/** From a record to the event that was emitted then; null when its text is none of ours. */
export function restoreEvent(
  record: SegmentRecord,
  place: Pick<PendingEvent, 'segment' | 'adopted' | 'waiter'>,
): PendingEvent | null {
  const { ordinal, subject, text } = record;
  try {
    const event = JSON.parse(text) as Record<
      'id' | 'type' | 'orgid' | 'producer' | 'producerseq' | 'time' | 'signature',
      unknown
    >;
    const { id, type, orgid, producer, producerseq, time, signature } = event;
    const bytes = Buffer.byteLength(text);
    if (typeof id !== 'string' || typeof type !== 'string' || typeof orgid !== 'string') return null;
    // They go into lines of the protocol, and whoever may write to the directory may not write these.
    if (!VISIBLE.test(id) || !VISIBLE.test(subject)) return null;
    const number = Number(producerseq);
    if (typeof producer !== 'string' || !Number.isSafeInteger(number) || number < 1) return null;
    return {
      ordinal,
      type,
      orgid,
      producer,
      producerseq: number,
      timeMs: Date.parse(String(time)),
      id,
      fields: null,
      text,
      subject,
      bytes,
      memory: memoryOf(text, bytes),
      unsigned: typeof signature === 'string' ? null : place.adopted ? 'adopted' : 'no_key',
      sent: false,
      tries: 0,
      ...place,
    };
  } catch {
    return null;
  }
}
