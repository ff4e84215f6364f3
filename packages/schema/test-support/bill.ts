/** Makes bills from the lines of a chain, as the consumer does. */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import type { BillCut, BillSigner, BillStatement, BillAnchors } from '../src/bill/bill.ts';
import { formatBill, signBill } from '../src/bill/bill.ts';
import { createPublisherScan } from '../src/bill/publisher-scan.ts';
import { makeStatement } from '../src/bill/statement.ts';
import type { Core } from '../src/ledger/entry.ts';
import { parseEntry } from '../src/ledger/parse-entry.ts';
import type { ReceiptKeys } from '../src/verify/receipt.ts';

// RFC 8032 §7.1, test 1: the key of the examples in docs/reference/format.md.
const SEED = '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60';
const privateKey = createPrivateKey({
  key: Buffer.from(`302e020100300506032b657004220420${SEED}`, 'hex'),
  format: 'der',
  type: 'pkcs8',
});
const publicKey: KeyObject = createPublicKey(privateKey);

export const KEYID = '21fe31dfa154a261';
export const PUBLIC_KEY = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32));

export const signer: BillSigner = {
  keyid: KEYID,
  sign: (text) => sign(null, Buffer.from(text), privateKey).toString('base64'),
};

export const keys: ReceiptKeys = {
  find: (keyid) => (keyid === KEYID ? PUBLIC_KEY : null),
  fits: ({ signature, text }) => verify(null, Buffer.from(text), publicKey, signature),
};

export interface TestBill {
  readonly lines: readonly string[];
  /** The cuts' times, ascending. */
  readonly ats: readonly string[];
  readonly orgid?: string;
  readonly period?: string;
  readonly zone?: string;
  readonly signer?: BillSigner | null;
  /** Default: true. */
  readonly hasAfter?: boolean;
}

export function makeTestStatement(bill: TestBill): { statement: BillStatement; anchors: BillAnchors } {
  const { lines, ats, orgid = 'acme', zone = 'UTC', period } = bill;
  const entries = lines.map(parseEntry);
  const cuts = ats.map((at): BillCut => ({ at, before: lastBefore(entries, at) }));
  const after = ats.map((at) => entries.find(({ core }) => core.received >= at)?.core ?? null);
  const scan = createPublisherScan();
  for (const entry of entries) if (entry.core.received < (ats.at(-1) ?? '')) scan.add(entry);
  const completeness = { ...scan.report(), duplicates: '0', beyond_window: '0', rejected: '0', gaps: '0' };
  const parts = { orgid, zone, tz: '2026a', issuedBy: 'Example Ltd', cuts, completeness };
  return { statement: makeStatement(period === undefined ? parts : { ...parts, period }), anchors: { after } };
}

/** The text of a bill. */
export function makeTestBill(bill: TestBill): string {
  const { statement, anchors } = makeTestStatement(bill);
  return formatBill(signBill(statement, bill.hasAfter === false ? {} : anchors, bill.signer ?? null));
}

function lastBefore(entries: readonly { readonly core: Core }[], at: string): Core | null {
  return entries.findLast(({ core }) => core.received < at)?.core ?? null;
}
