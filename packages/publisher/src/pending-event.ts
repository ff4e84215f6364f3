import type { Ack } from './ack.ts';
import type { PublisherError } from './error.ts';
import type { UnsignedCounts } from './signing.ts';
import type { Segment } from './spool.ts';

/** An event that was accepted and is not settled yet: one object from `emit` to its acknowledgement. */
export interface PendingEvent {
  /** Position among all accepted events of this publisher. */
  readonly ordinal: number;
  readonly type: string;
  readonly orgid: string;
  readonly producer: string;
  readonly sequence: number;
  /** When it was emitted: the time of the event and of its id. */
  readonly timeMs: number;
  /** UUIDv7, the same in every try; empty until stamped, which happens in the order of emitting. */
  id: string;
  /** Our own copy; null once `text` is there. */
  fields: Record<string, unknown> | null;
  /** RFC 8785 text; empty until stamped. */
  text: string;
  subject: string;
  /** What it counts towards the bounds: an estimate before stamping, afterwards the bytes of `text`. */
  bytes: number;
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
