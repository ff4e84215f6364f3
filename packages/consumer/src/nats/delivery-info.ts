import type { NatsConnection, Subscription } from '@nats-io/nats-core';

/** What JetStream says about a delivered message in its reply subject (ADR-15: `$JS.ACK.…`). */
export interface DeliveryInfo {
  /** Sequence in the stream. */
  readonly streamSeq: number;
  /** 1, 2, 3 … per consumer: a jump means that a message was lost on the way. */
  readonly consumerSeq: number;
  /** When the stream stored it: RFC 3339, UTC, milliseconds (cut, not rounded). */
  readonly received: string;
  /** Messages that the consumer has not delivered yet. */
  readonly pending: number;
}

/** Takes a message of a JetStream consumer. @param payload may be a view of a larger buffer */
export type OnDelivery = (subject: string, payload: Uint8Array, delivery: DeliveryInfo) => void;

/**
 * Another way for a subscription's deliveries than its callback. Every delivery comes one way or the other, never both
 * ways.
 *
 * @returns a function that ends it; null when this connection does not allow it, and then all deliveries take the
 *   callback
 */
export type TapDeliveries = (nc: NatsConnection, sub: Subscription, onDelivery: OnDelivery) => (() => void) | null;

const PREFIX = '$JS.ACK.';
const DOT = 46;

/**
 * Makes a function that reads the reply subjects of one consumer's deliveries.
 *
 * @returns null when the subject is no `$JS.ACK` subject, as with status messages
 */
export function createDeliveryInfoReader(): (reply: string | undefined) => DeliveryInfo | null {
  /** The part that all of them share: everything before the sequence in the stream. */
  let before = '';

  return (reply) => {
    if (reply === undefined) return null;
    // Finding its end in every subject would be a twentieth of what a message costs.
    if (before === '' || reply.slice(0, before.length) !== before) {
      const length = lengthBeforeSeq(reply);
      if (length < 0) return null;
      before = reply.slice(0, length);
    }
    const streamEnd = reply.indexOf('.', before.length);
    const consumerEnd = reply.indexOf('.', streamEnd + 1);
    const timeEnd = reply.indexOf('.', consumerEnd + 1);
    const pendingEnd = reply.indexOf('.', timeEnd + 1);
    return {
      streamSeq: decimal(reply, before.length, streamEnd),
      consumerSeq: decimal(reply, streamEnd + 1, consumerEnd),
      received: isoMilliseconds(decimal(reply, consumerEnd + 1, timeEnd - NANO_DIGITS)),
      pending: decimal(reply, timeEnd + 1, pendingEnd < 0 ? reply.length : pendingEnd),
    };
  };
}

/** -1 when it is no reply subject of a delivery. */
function lengthBeforeSeq(reply: string): number {
  if (!reply.startsWith(PREFIX)) return -1;
  let dots = 0;
  for (let i = 0; i < reply.length; i++) if (reply.charCodeAt(i) === DOT) dots++;
  // Old servers: $JS.ACK.<stream>.<consumer>.<deliveries>.…; new ones: $JS.ACK.<domain>.<account hash>.<stream>.…
  const skip = dots === 8 ? 3 : 5;
  if (dots < skip + 5) return -1;
  let at = PREFIX.length;
  for (let token = 0; token < skip; token++) at = reply.indexOf('.', at) + 1;
  return at;
}

/** Digits of nanoseconds below milliseconds. They are not read: nanoseconds since 1970 do not fit into a double. */
const NANO_DIGITS = 6;

function decimal(text: string, start: number, end: number): number {
  let value = 0;
  for (let i = start; i < end; i++) value = value * 10 + text.charCodeAt(i) - 48;
  return value;
}

let lastMs = 0;
let lastIso = '';

function isoMilliseconds(ms: number): string {
  // Messages of the same millisecond come one after the other: the text is made once for them.
  if (ms !== lastMs) {
    lastIso = new Date(ms).toISOString();
    lastMs = ms;
  }
  return lastIso;
}
