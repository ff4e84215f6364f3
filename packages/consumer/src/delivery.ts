/** What JetStream says about a delivered message in its reply subject (ADR-15: `$JS.ACK.…`). */
export interface Delivery {
  /** Sequence in the stream. */
  readonly streamSeq: number;
  /** 1, 2, 3 … per consumer: a jump means that a message was lost on the way. */
  readonly consumerSeq: number;
  /** When the stream stored it: RFC 3339, UTC, milliseconds (cut, not rounded). */
  readonly received: string;
  /** Messages that the consumer has not delivered yet. */
  readonly pending: number;
}

const PREFIX = '$JS.ACK.';
const DOT = 46;

/** null when the subject is no `$JS.ACK` subject, as with status messages. */
export function parseDelivery(reply: string | undefined): Delivery | null {
  if (!reply?.startsWith(PREFIX)) return null;
  // Without split(): a dozen strings for each message were a twentieth of what a message costs.
  let dots = 0;
  for (let i = 0; i < reply.length; i++) if (reply.charCodeAt(i) === DOT) dots++;
  // $JS.ACK.<stream>.<consumer>.<deliveries>.… of old, $JS.ACK.<domain>.<account hash>.<stream>.… now.
  const skip = dots === 8 ? 3 : 5;
  if (dots < skip + 5) return null;
  let at = PREFIX.length;
  for (let token = 0; token < skip; token++) at = reply.indexOf('.', at) + 1;
  const streamEnd = reply.indexOf('.', at);
  const consumerEnd = reply.indexOf('.', streamEnd + 1);
  const timeEnd = reply.indexOf('.', consumerEnd + 1);
  const pendingEnd = reply.indexOf('.', timeEnd + 1);
  return {
    streamSeq: decimal(reply, at, streamEnd),
    consumerSeq: decimal(reply, streamEnd + 1, consumerEnd),
    received: isoMilliseconds(decimal(reply, consumerEnd + 1, timeEnd - NANO_DIGITS)),
    pending: decimal(reply, timeEnd + 1, pendingEnd < 0 ? reply.length : pendingEnd),
  };
}

/** Nanoseconds since 1970 are too many for a double: the digits below the milliseconds are cut off unread. */
const NANO_DIGITS = 6;

function decimal(text: string, start: number, end: number): number {
  let value = 0;
  for (let i = start; i < end; i++) value = value * 10 + text.charCodeAt(i) - 48;
  return value;
}

let lastMs = 0;
let lastIso = '';

function isoMilliseconds(ms: number): string {
  // Messages of one millisecond come one after the other.
  if (ms !== lastMs) {
    lastIso = new Date(ms).toISOString();
    lastMs = ms;
  }
  return lastIso;
}
