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

/** null when the subject is no `$JS.ACK` subject, as with status messages. */
export function parseDelivery(reply: string | undefined): Delivery | null {
  if (!reply?.startsWith('$JS.ACK.')) return null;
  const tokens = reply.split('.');
  // $JS.ACK.<stream>.<consumer>.… of old, $JS.ACK.<domain>.<account hash>.<stream>.<consumer>.… now.
  const at = tokens.length === 9 ? 5 : 7;
  if (tokens.length < at + 4) return null;
  return {
    streamSeq: Number(tokens[at]),
    consumerSeq: Number(tokens[at + 1]),
    received: isoMilliseconds(tokens[at + 2] as string),
    pending: Number(tokens[at + 3]),
  };
}

let lastMs = '';
let lastIso = '';

/** Nanoseconds since 1970 as a decimal string: too many for a double, so the last six digits are cut off as text. */
function isoMilliseconds(nanoseconds: string): string {
  const ms = nanoseconds.slice(0, -6);
  // Messages of one millisecond come one after the other.
  if (ms !== lastMs) {
    lastIso = new Date(Number(ms)).toISOString();
    lastMs = ms;
  }
  return lastIso;
}
