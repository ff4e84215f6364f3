/** What the verification of a receipt says. */
import type { Verdict } from '@waybill/schema/verify';

export const RECEIPT_CHECKED = {
  signature: 'the signature of the event, by a key that was given',
  entry: 'the entry: form, hashes and volume',
} as const;

export const RECEIPT_NOT_CHECKED = {
  signature: 'the signature of the event',
  entry: 'the entry, against the chain before and after it',
  chain: 'whether the event is in a chain',
} as const;

/** A phrase from one of the lists above, and how often it holds. */
export interface ReceiptScope {
  readonly what: string;
  readonly count: number;
}

/** What an event says of itself. */
export interface ReceiptEvent {
  readonly id: string | null;
  readonly type: string | null;
  readonly source: string | null;
  readonly orgid: string | null;
  readonly time: string | null;
}

export interface ReceiptReport {
  readonly kind: 'receipt';
  /** Only a signature by a key that was given makes it `ok`. `incomplete`: no signature was checked. */
  readonly verdict: Verdict;
  /** The verdict in words, and by which key the event is signed. */
  readonly summary: string;
  /** What is wrong, or was not checked, in words for people; null for `ok`. */
  readonly problem: string | null;
  /** The key that the event names; null: none. */
  readonly keyid: string | null;
  /** null when it could not be read, or was erased from its entry. */
  readonly event: ReceiptEvent | null;
  /** Of a line of a chain: its place there. null for an event alone. */
  readonly entry: { readonly orgid: string; readonly seq: number; readonly hash: string } | null;
  readonly checked: readonly ReceiptScope[];
  readonly not_checked: readonly ReceiptScope[];
}
