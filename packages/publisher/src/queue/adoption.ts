import type { PendingEvent } from '../pending-event.ts';
import type { Reporter } from '../reporter.ts';
import { createSegment, type Segment } from '../segment.ts';
import { readSegment, type SegmentReader } from '../spool/segment-file.ts';
import { deleteFile } from '../spool/spool-directory.ts';
import type { Spool } from '../spool/spool.ts';
import type { AdoptedStats } from '../stats.ts';
import type { AccountBook } from './accounts.ts';
import { restoreEvent } from './restore-event.ts';

export interface AdoptionOptions {
  readonly spool: Pick<Spool, 'adopt' | 'quarantine'>;
  readonly book: AccountBook;
  readonly reporter: Pick<Reporter, 'putAside' | 'spoolFailed'>;
  /** Events that may be on their way at once. */
  readonly maxInMemory: number;
  /** How many of those in memory wait for a permission. They are not on their way, and have a bound of their own. */
  parked(): number;
}

/** Events read in one turn. */
const BATCH = 128;

interface Reading {
  readonly segment: Segment;
  readonly reader: SegmentReader;
}

/**
 * The segments that dead publishers left, on their way to the stream: read in order, a few events at a time, with the
 * ids and numbers that the events were given then. A segment is deleted when all of its events are settled, and put
 * aside when a record of it cannot be read.
 */
export class Adoption {
  readonly #options: AdoptionOptions;
  readonly #paths: string[] = [];
  /** How many paths are done with: shifting a long array takes time. */
  #taken = 0;
  readonly #open = new Set<Segment>();
  #reading: Reading | null = null;
  /** Other publishers may have died since the directory was looked through. */
  #isDue = true;
  #scanned = false;

  constructor(options: AdoptionOptions) {
    this.#options = options;
  }

  lookAgain(): void {
    this.#isDue = true;
  }

  /** Takes over what the dead left, when a look is due. false: the disk does not let us. */
  look(): boolean {
    if (!this.#isDue) return true;
    const paths = this.#options.spool.adopt();
    if (paths === null) return false;
    this.#isDue = false;
    this.#scanned = true;
    for (const path of paths) this.#paths.push(path);
    return true;
  }

  /** Whether `next` may have more. */
  get isWaiting(): boolean {
    return this.#hasRoom && (this.#reading !== null || this.#taken < this.#paths.length);
  }

  /** The next events, as many as may be on their way. */
  next(): PendingEvent[] {
    const events: PendingEvent[] = [];
    while (events.length < BATCH && this.#hasRoom) {
      this.#reading ??= this.#openNext();
      if (this.#reading === null) break;
      const event = this.#readOne(this.#reading);
      if (event === null) continue;
      this.#reading.segment.unsettled++;
      this.#options.book.adopt();
      events.push(event);
    }
    return events;
  }

  /** An event of the segment is acknowledged or dropped. */
  settle(segment: Segment): void {
    segment.unsettled--;
    this.#finish(segment);
  }

  stats(): AdoptedStats {
    const segments = this.#open.size + this.#paths.length - this.#taken;
    return { scanned: this.#scanned, ...this.#options.book.adopted, segments };
  }

  close(): void {
    this.#paths.length = 0;
    this.#taken = 0;
    this.#reading?.reader.close();
    this.#reading = null;
  }

  get #hasRoom(): boolean {
    const { book, parked, maxInMemory } = this.#options;
    return book.adoptedInMemory - parked() < maxInMemory;
  }

  #openNext(): Reading | null {
    while (this.#taken < this.#paths.length) {
      const path = this.#paths[this.#taken++] as string;
      try {
        const segment = createSegment(path);
        const opened = { segment, reader: readSegment(path) };
        this.#open.add(segment);
        return opened;
      } catch (error) {
        // The file stays where it is, for the next start.
        this.#options.reporter.spoolFailed(`reading ${path}`, error);
      }
    }
    return null;
  }

  /** null: a record that cannot be read, or the end of the segment. */
  #readOne({ segment, reader }: Reading): PendingEvent | null {
    const { book, reporter } = this.#options;
    try {
      const item = reader.next();
      if (item.kind === 'end') {
        if (item.torn) book.adoptDamaged('torn');
        this.#endReading();
        return null;
      }
      const event = item.kind === 'record' ? restoreEvent(item.record, { segment, adopted: true, waiter: null }) : null;
      if (event !== null) return event;
      book.adoptDamaged('damaged');
      segment.damaged = true;
    } catch (error) {
      reporter.spoolFailed(`reading ${segment.path}`, error);
      segment.damaged = true;
      this.#endReading();
    }
    return null;
  }

  #endReading(): void {
    if (this.#reading === null) return;
    const { segment, reader } = this.#reading;
    this.#reading = null;
    segment.sealed = true;
    reader.close();
    this.#finish(segment);
  }

  #finish(segment: Segment): void {
    if (!segment.sealed || segment.unsettled > 0) return;
    const { spool, reporter } = this.#options;
    this.#open.delete(segment);
    try {
      if (!segment.damaged) return deleteFile(segment.path);
      reporter.putAside(segment.path);
      spool.quarantine(segment.path);
    } catch (error) {
      reporter.spoolFailed(`deleting ${segment.path}`, error);
    }
  }
}
