/**
 * Records: what the entries of the `_system` chain have in place of an event. They tell what happened that is no event.
 */
import type { Json, JsonObject } from '../json/json.ts';
import type { Rejection } from '../message/rejection.ts';
import type { Totals } from './volume.ts';

/** A record keeps so many bytes of a payload. Its hash covers the whole payload. */
export const MAX_KEPT_PAYLOAD = 65_536;

interface KeptMessage {
  readonly subject: string;
  /** Length of the whole payload in bytes. */
  readonly size: number;
  /** SHA-256 of the whole payload: 64 hexadecimal characters. */
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

/** A statement of an operator, in a message of its own. Nothing writes these yet. A verifier knows them. */
interface Statement extends KeptMessage {
  readonly orgid: string;
  /** Who states it, and why. */
  readonly by: string;
  readonly reason: string;
}

export type SystemRecord =
  /** A message, or an element of one, that is no valid event. */
  | ({ readonly kind: 'rejected'; readonly reason: Rejection; readonly detail: string } & KeptMessage)
  /** An event that its organization's chain has already. It was sent again after the stream's dedupe window. */
  | ({ readonly kind: 'duplicate' } & RepeatedEvent)
  /** An event that is not chained, because nobody knows any more whether its organization's chain has it. */
  | ({ readonly kind: 'beyond_window' } & RepeatedEvent)
  /** Sequences of the AUDIT stream, inclusive, without a message: it was deleted, has expired or was lost. */
  | { readonly kind: 'gap'; readonly first: number; readonly last: number }
  /**
   * The AUDIT stream is chained up to this sequence, and no block said so, because two writers had stored parts of it.
   * The entry's `source.seq` may be that of the entry before it.
   */
  | { readonly kind: 'watermark'; readonly seq: number }
  /** The configuration of both streams: at the first commit, and whenever it differs from the newest such record. */
  | {
      readonly kind: 'streams';
      /** When the consumer saw it, by its own clock. */
      readonly time: string;
      /** The differences from the record before; empty in the first record. */
      readonly changes: readonly StreamChange[];
      /** By the name of the stream, then by the name of the field. */
      readonly config: Readonly<Record<string, JsonObject>>;
    }
  | EpochRecord
  /** Somebody knows why the chain lacks these numbers of a publisher. `last` is null when the end is not known. */
  | ({
      readonly kind: 'acknowledged';
      readonly producer: string;
      readonly first: number;
      readonly last: number | null;
    } & Statement)
  /** From here on the chain must not be pruned, or may be pruned again. */
  | ({ readonly kind: 'hold'; readonly held: boolean } & Statement)
  /** The ledger was rolled back, and is accepted as it is. What is signed from here on is of another generation. */
  | ({
      readonly kind: 'generation';
      readonly generation: number;
      readonly last: number;
      readonly head: string;
    } & Statement)
  /** The chain begins after its entry `last`. This ledger does not have what is before. */
  | {
      readonly kind: 'pruned';
      readonly orgid: string;
      readonly last: number;
      readonly head: string;
      readonly totals: Totals & JsonObject;
      /** Hash of the Merkle tree over the entries that this ledger does not have (RFC 6962 §2.1). */
      readonly tree: string;
    };

/**
 * The kinds that this version knows. A verifier only hashes records of other kinds. A writer that finds one writes
 * nothing.
 */
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
 * An AUDIT stream that belongs to somebody else is read for the first time, or is another one than before, for example
 * because it was deleted and created again. From here on `source.seq` is `epoch * EPOCH_STRIDE` plus the stream's own
 * sequence, so that it goes on growing. The record itself has the first of these numbers, which no message has.
 */
export interface EpochRecord {
  readonly kind: 'epoch';
  readonly epoch: number;
  readonly stream: string;
  /** When the server created the stream, as the server says. Another stream with the same name has another time. */
  readonly created: string;
  /** The first sequence of the stream that is read: 1, unless an earlier epoch chained what is before. */
  readonly first: number;
  /** Up to here the ledger certainly had the earlier epochs. Numbers above it that are in no chain are lost. */
  readonly watermark: number;
}

/** An epoch has room for so many messages. 9,007 epochs fit into the integers that JSON holds exactly. */
export const EPOCH_STRIDE = 1_000_000_000_000;

/**
 * Whether an entry's event is a record that stands for no message of the AUDIT stream. Records of unknown kinds may be
 * such.
 */
export function standsForNoMessage(event: JsonObject | null): boolean {
  if (event === null) return false;
  const { kind } = event;
  return kind === 'watermark' || kind === 'streams' || kind === 'pruned' || !isKnownKind(event);
}
