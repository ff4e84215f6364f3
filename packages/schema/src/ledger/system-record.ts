/** What stands as `event` in the entries of the `_system` chain: whatever happened that is no organization's event. */
import type { Json, JsonObject } from '../json/json.ts';
import type { Rejection } from '../message/rejection.ts';
import type { Totals } from './volume.ts';

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

interface RepeatedEvent extends KeptMessage {
  readonly orgid: string;
  readonly producer: string;
  /** Decimal, as in the event. */
  readonly producerseq: string;
}

/** What an operator says, in a message of its own. Nothing writes these yet; a verifier knows them. */
interface Statement extends KeptMessage {
  readonly orgid: string;
  /** Who says it, and why. */
  readonly by: string;
  readonly reason: string;
}

export type SystemRecord =
  /** A message that is no valid event. */
  | ({ readonly kind: 'rejected'; readonly reason: Rejection; readonly detail: string } & KeptMessage)
  /** An event that its organization's chain has already: resent after the stream's own dedupe window. */
  | ({ readonly kind: 'duplicate' } & RepeatedEvent)
  /** An event of which nobody knows any more whether its organization's chain has it. It is not chained there. */
  | ({ readonly kind: 'beyond_window' } & RepeatedEvent)
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
    }
  | EpochRecord
  /** The chain lacks these numbers of a publisher, and somebody knows why. `last` is null where its end is not known. */
  | ({
      readonly kind: 'acknowledged';
      readonly producer: string;
      readonly first: number;
      readonly last: number | null;
    } & Statement)
  /** Nothing of the chain may be pruned from here on, or may be again. */
  | ({ readonly kind: 'hold'; readonly held: boolean } & Statement)
  /** The ledger was rolled back and is accepted as it is: what is signed from here on is another generation. */
  | ({
      readonly kind: 'generation';
      readonly generation: number;
      readonly last: number;
      readonly head: string;
    } & Statement)
  /** The chain begins after its entry `last`: what is before was left out of this ledger. */
  | {
      readonly kind: 'pruned';
      readonly orgid: string;
      readonly last: number;
      readonly head: string;
      readonly totals: Totals & JsonObject;
      /** Hash of the Merkle tree over the entries that were left out (RFC 6962 §2.1). */
      readonly tree: string;
    };

/** Kinds that are known. A verifier only hashes others; a writer that meets another one writes nothing. */
export const SYSTEM_KINDS = [
  'rejected',
  'duplicate',
  'beyond_window',
  'gap',
  'epoch',
  'watermark',
  'streams',
  'acknowledged',
  'hold',
  'generation',
  'pruned',
] as const satisfies readonly SystemRecord['kind'][];

const KNOWN: ReadonlySet<unknown> = new Set(SYSTEM_KINDS);

export function isKnownKind(event: JsonObject): boolean {
  return KNOWN.has(event['kind']);
}

export interface StreamChange extends JsonObject {
  readonly stream: string;
  /** As in the server's stream configuration; `created` for the stream itself. */
  readonly field: string;
  readonly before: Json;
  readonly after: Json;
}

/**
 * The AUDIT stream, which is somebody else's, is read for the first time, or is another one than before: deleted and
 * made anew, say. From here on `source.seq` is `epoch * EPOCH_STRIDE` plus the stream's own number, so that it goes on
 * growing. The record has the first of these numbers, which is no message's.
 */
export interface EpochRecord {
  readonly kind: 'epoch';
  readonly epoch: number;
  readonly stream: string;
  /** When the server made the stream, as it says: another stream of the same name has another one. */
  readonly created: string;
  /** The first sequence of the stream that is read. 1, unless what is before it was chained in an earlier epoch. */
  readonly first: number;
  /** What the ledger had of the earlier epochs for certain. Numbers above it that are in no chain are lost. */
  readonly watermark: number;
}

/** So many messages an epoch has room for; 9,007 epochs fit into the numbers that JSON holds exactly. */
export const EPOCH_STRIDE = 1_000_000_000_000;

/** Whether an entry's event is a record that stands for no message of the AUDIT stream, as far as is known here. */
export function standsForNoMessage(event: JsonObject | null): boolean {
  if (event === null) return false;
  const { kind } = event;
  return kind === 'watermark' || kind === 'streams' || kind === 'pruned' || !isKnownKind(event);
}
