/** What stands as `event` in the entries of the `_system` chain: whatever happened that is no organization's event. */
import type { Json, JsonObject } from './json.ts';
import type { Rejection } from './message.ts';

/** Bytes of a payload that a record keeps; the hash is of all of it. */
export const MAX_KEPT_PAYLOAD = 65_536;

interface KeptMessage {
  readonly subject: string;
  /** Of the whole payload, in bytes. */
  readonly size: number;
  /** Of the whole payload: 64 hexadecimal characters. */
  readonly sha256: string;
  /** Base64 of the first `MAX_KEPT_PAYLOAD` bytes. */
  readonly payload: string;
}

export type SystemRecord =
  /** A message that is no valid event. */
  | ({ readonly kind: 'rejected'; readonly reason: Rejection; readonly detail: string } & KeptMessage)
  /** An event that its organization's chain has already: resent after the stream's own dedupe window. */
  | ({
      readonly kind: 'duplicate';
      readonly orgid: string;
      readonly producer: string;
      readonly sequence: number;
    } & KeptMessage)
  /** Sequence numbers of the AUDIT stream, inclusive, at which there is no message: deleted, expired or lost. */
  | { readonly kind: 'gap'; readonly first: number; readonly last: number }
  /**
   * Nothing of the AUDIT stream up to this sequence was left to chain, and no block said so: two writers had stored
   * parts of it. Its `source.seq` may be that of the entry before it.
   */
  | { readonly kind: 'watermark'; readonly seq: number }
  /** How the two streams are configured: with the first commit, and whenever it is another than was recorded last. */
  | {
      readonly kind: 'streams';
      /** When it was seen, by the consumer's clock. */
      readonly time: string;
      /** What is not as it was recorded before; empty in the first record. */
      readonly changes: readonly StreamChange[];
      /** By name of the stream, by name of the field. */
      readonly config: Readonly<Record<string, JsonObject>>;
    };

export interface StreamChange extends JsonObject {
  readonly stream: string;
  /** As in the server's stream configuration; `created` for the stream itself. */
  readonly field: string;
  readonly before: Json;
  readonly after: Json;
}

/** Whether an entry's event is a record that stands for no message of the AUDIT stream. */
export function standsForNoMessage(event: JsonObject | null): boolean {
  const kind = event?.['kind'];
  return kind === 'watermark' || kind === 'streams';
}
