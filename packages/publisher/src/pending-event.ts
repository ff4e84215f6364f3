/** An event between `emit` and its acknowledgement, as the folders of this package hand it to each other. */
import type { Ack } from './ack.ts';
import type { PublisherError } from './error.ts';
import type { Segment } from './segment.ts';
import type { UnsignedCounts } from './stats.ts';

/**
 * Where an event is on its way:
 *
 * - `accepted`: taken from the service and counted. `fields` is our copy of it; `id`, `subject` and `text` come later.
 * - `stamped`: `id` and `subject` are final, and so is `text`, which may only get a signature. It waits to be sent.
 * - `in_flight`: sent on the present connection and not answered.
 * - `spooled`: only on disk. This object is let go, and another one is made when the event is read back.
 * - `acked`, `dropped`: settled.
 *
 * `queue/stamping.ts` sets `stamped`. `queue/accounts.ts` counts events, and sets `spooled`, `acked` and `dropped`. The
 * send window (`delivery/window.ts`) changes `stamped` to `in_flight` and back.
 */
type EventState = 'accepted' | 'stamped' | 'in_flight' | 'spooled' | 'acked' | 'dropped';

/** One object from `emit` to its acknowledgement, unless it was only on disk in between. */
export interface PendingEvent {
  /** Position among all accepted events of this publisher. */
  readonly ordinal: number;
  readonly type: string;
  readonly orgid: string;
  readonly producer: string;
  readonly producerseq: number;
  /** When it was emitted, in Unix milliseconds: the time of the event and of its id. */
  readonly timeMs: number;
  state: EventState;
  /** UUIDv7, the same in every try. Ids are given in the order of emitting. */
  id: string;
  /** Our own copy; null once it is stamped. */
  fields: Record<string, unknown> | null;
  /** RFC 8785 text. */
  text: string;
  subject: string;
  /** Bytes of `text` as UTF-8; an estimate before it is stamped. */
  bytes: number;
  /** Bytes that count towards `maxQueueBytes`. */
  memory: number;
  /** Why its text has no signature; null when it has one. Without a signer it means nothing. */
  unsigned: keyof UnsignedCounts | null;
  /** How often it was handed to a connection. */
  tries: number;
  /** `confirm` waits for it. */
  readonly waiter: Waiter | null;
  /** The file that has it on disk. */
  segment: Segment | null;
  /** A dead publisher's, so it is in none of our own counts. */
  readonly adopted: boolean;
}

export interface Waiter {
  /** The event has to be written to disk, whatever the durability. */
  readonly toDisk: boolean;
  resolve(ack: Ack): void;
  /** The event was written to its segment. */
  written(event: PendingEvent): void;
  reject(error: PublisherError): void;
}
