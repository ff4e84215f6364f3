import type { Ack } from './ack.ts';
import type { PublisherError } from './error.ts';
import type { UnsignedCounts } from './stats.ts';

/** One segment file, while events of it are not settled. */
export interface Segment {
  readonly path: string;
  /** Events in it that are not settled, wherever they are. */
  unsettled: number;
  /** Of them, those that are only on disk. */
  unread: number;
  bytes: number;
  sealed: boolean;
  /** Had a record that could not be read: put aside instead of deleted. */
  damaged: boolean;
}

/** An event that was accepted and is not settled yet: one object from `emit` to its acknowledgement. */
export interface PendingEvent {
  /** Position among all accepted events of this publisher. */
  readonly ordinal: number;
  readonly type: string;
  readonly orgid: string;
  readonly producer: string;
  readonly producerseq: number;
  /** When it was emitted: the time of the event and of its id. */
  readonly timeMs: number;
  /** UUIDv7, the same in every try; empty until stamped, which happens in the order of emitting. */
  id: string;
  /** Our own copy; null once `text` is there. */
  fields: Record<string, unknown> | null;
  /** RFC 8785 text; empty until stamped. */
  text: string;
  subject: string;
  /** As UTF-8: an estimate before stamping, afterwards the bytes of `text`. */
  bytes: number;
  /** What it counts towards the bounds of memory: about what it takes there. */
  memory: number;
  /** Why its text has no signature, or null when it has one; of no interest without a signer. */
  unsigned: keyof UnsignedCounts | null;
  /** In flight on the present connection. */
  sent: boolean;
  /** How often it was handed to a connection. */
  tries: number;
  /** `confirm` waits for it. */
  readonly waiter: Waiter | null;
  /** Where it is on disk as well. */
  segment: Segment | null;
  /** A dead publisher's: in none of our own counts. */
  readonly adopted: boolean;
}

export interface Waiter {
  /** It has to be on disk, whatever the durability. */
  readonly toDisk: boolean;
  resolve(ack: Ack): void;
  /** It was written to a segment. */
  written(event: PendingEvent): void;
  reject(error: PublisherError): void;
}

/** What an event takes beside its text, about: the object, its strings and its places in queues. */
const OBJECT_BYTES = 512;

/** V8 keeps a text with any character beyond Latin-1 in two bytes for each, also where UTF-8 needs one. */
export function memoryOf(text: string, bytes: number): number {
  return OBJECT_BYTES + (bytes === text.length ? bytes : Math.max(bytes, 2 * text.length));
}

/** Before there is a text. @param bytes as UTF-8 @param wide what V8 needs beyond that */
export function estimatedMemory(bytes: number, wide: number): number {
  return OBJECT_BYTES + bytes + wide;
}
