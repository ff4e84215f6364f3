/**
 * The `bill/` room: a bill as a file that its reader checks without the ledger. It is pure and has no zod, so that it
 * runs in a browser. Entries' cores, keys and lines of a replay come in; NATS and files never do. Nothing here decides
 * what is billed: it states differences of totals, and judges such statements.
 *
 * `docs/reference/format.md` §14 is the specification:
 *
 *     bill      = { v: 1, kind: "bill", statement, anchors } and, if it is signed, { keyid, signature }
 *     signature = base64( Ed25519( key named by keyid, UTF-8 of JCS(statement) ) )
 *
 * The statement depends only on entries received before its end, on the zone and the issuer. So the same request gives
 * the same statement for ever. What can only be known later is an anchor.
 */
import { SchemaError } from '../error.ts';
import { canonicalJson } from '../json/canonical.ts';
import type { Json, JsonObject } from '../json/json.ts';
import { utf8Length } from '../json/utf8.ts';
import type { Core } from '../ledger/entry.ts';
import type { Totals } from '../ledger/volume.ts';

/** A bill has at most so many bytes. */
export const MAX_BILL_BYTES = 4 * 1024 * 1024;
/** A bill has at most 1,000 lines. */
export const MAX_CUTS = 1_001;
/** Open publishers that a bill lists; it counts all. */
export const MAX_OPEN_LISTED = 100;

/** A moment, and the core of the chain's last entry that was received before it; null: there is none. */
export interface BillCut {
  /** UTC, milliseconds. */
  readonly at: string;
  readonly before: Core | null;
}

/** What was used from one cut (inclusive) to the next (exclusive). */
export interface BillLine extends Totals {
  readonly from: string;
  readonly to: string;
}

/** A publisher that may have sent more than is chained, because nothing says that it has ended. */
export interface OpenPublisher {
  /** The boot id. */
  readonly producer: string;
  /** Its highest number in the chain, a decimal. */
  readonly last: string;
  /** When that event was received. */
  readonly received: string;
}

export interface OpenPublishers {
  /** A decimal. */
  readonly count: string;
  /** At most `MAX_OPEN_LISTED`, those heard of last first. */
  readonly publishers: readonly OpenPublisher[];
}

/** What may be missing from a bill, as of its end, as far as the ledger shows it. All numbers are decimals. */
export interface BillCompleteness {
  /** Transfers of the window whose size is not known. They are in no sum of bytes. */
  readonly unknown: string;
  /** Events that their publisher numbered and that the chain lacks, since its beginning. */
  readonly missing: string;
  /** Publishers of the chain, since its beginning, whose last event is no `producer.closed`. */
  readonly open: OpenPublishers;
  /** Events of the window that came again. They are counted once. */
  readonly duplicates: string;
  /** Events of the window of which nobody knows whether they came before. They are not counted. */
  readonly beyond_window: string;
  /** Messages of the window that are no events, and name this organization or none. */
  readonly rejected: string;
  /** Numbers of the AUDIT stream without a message, between the entries of the first and of the last cut. */
  readonly gaps: string;
}

export interface BillStatement {
  readonly orgid: string;
  /** The calendar period in `zone`, such as `2026-11`. Absent for any other window. */
  readonly period?: string;
  /** IANA name. */
  readonly zone: string;
  /** Version of the time zone data by which the cuts were computed. */
  readonly tz: string;
  /** UTC, milliseconds, inclusive: the first cut. */
  readonly from: string;
  /** Exclusive: the last cut. */
  readonly to: string;
  readonly issued_by: string;
  /** The sum of the lines. */
  readonly usage: Totals;
  readonly cuts: readonly BillCut[];
  /** One fewer than cuts. */
  readonly lines: readonly BillLine[];
  readonly completeness: BillCompleteness;
}

/** What shows that nothing lies between the entry of a cut and the cut. It may grow after the bill was made. */
export interface BillAnchors {
  /** For each cut the core of the entry after `before`; null: the chain had not gone on. */
  readonly after?: readonly (Core | null)[];
  /** Every message of the AUDIT stream up to this number was in the ledger. */
  readonly watermark?: number;
  /** Members that are not known here are kept, and not checked. */
  readonly [member: string]: unknown;
}

export interface Bill {
  readonly v: 1;
  readonly kind: 'bill';
  readonly statement: BillStatement;
  readonly anchors: BillAnchors;
  /** Names the key of `signature`. */
  readonly keyid?: string;
  /** Base64 of the 64 bytes of an Ed25519 signature. */
  readonly signature?: string;
}

export interface BillSigner {
  readonly keyid: string;
  /** @returns the base64 of the Ed25519 signature over the text's UTF-8 bytes */
  sign(text: string): string;
}

/** The text that is signed: canonical JSON of the statement. */
export function statementText(statement: BillStatement): string {
  return canonicalJson(statement as unknown as JsonObject);
}

/** The bill of a statement. @param signer null: the bill is not signed */
export function signBill(statement: BillStatement, anchors: BillAnchors, signer: BillSigner | null): Bill {
  const bill: Bill = { v: 1, kind: 'bill', statement, anchors };
  return signer ? { ...bill, keyid: signer.keyid, signature: signer.sign(statementText(statement)) } : bill;
}

/**
 * The text of a bill's file: canonical JSON and a line feed.
 *
 * @throws SchemaError NOT_A_BILL when it is too large
 */
export function formatBill(bill: Bill): string {
  const text = `${canonicalJson(bill as unknown as Json)}\n`;
  const bytes = utf8Length(text);
  if (bytes <= MAX_BILL_BYTES) return text;
  throw new SchemaError('NOT_A_BILL', `the bill has ${bytes} bytes: at most ${MAX_BILL_BYTES} are allowed`);
}
