/** What reading a stream gives, in the order of its sequence numbers: messages, and the gaps between them. */

export interface StreamMessage {
  readonly kind: 'message';
  /** Sequence in the stream. */
  readonly seq: number;
  readonly subject: string;
  /** When the stream stored it: RFC 3339, UTC, milliseconds (cut, not rounded). */
  readonly received: string;
  readonly payload: Uint8Array;
}

/** Sequence numbers, inclusive, at which the stream has no message: deleted, expired or lost. */
export interface StreamGap {
  readonly kind: 'gap';
  readonly first: number;
  readonly last: number;
  /** When the message after it was stored; null at the stream's end. RFC 3339, UTC, milliseconds. */
  readonly received: string | null;
}

export type StreamItem = StreamMessage | StreamGap;

/** The last sequence number that an item stands for. */
export function lastSeqOf(item: StreamItem): number {
  return item.kind === 'gap' ? item.last : item.seq;
}
