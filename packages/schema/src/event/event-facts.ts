import type { JsonObject } from '../json/json.ts';
import type { Origin } from './origin.ts';
import type { Transfer } from './transfer.ts';

/** What the ledger has to know of an event of an organization. A fast path may find it in the event's text. */
export interface EventFacts {
  readonly type: string;
  readonly orgid: string;
  readonly outcome: string | undefined;
  /** null for events without `producer` and `producerseq`. */
  readonly origin: Origin | null;
  /** null: it moved nothing that counts. */
  readonly transfer: Transfer | null;
  /** null: it is the data of an artifact event, and satisfies the built-in schema. */
  readonly data: JsonObject | null;
}
