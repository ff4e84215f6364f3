/**
 * `@waybill/schema/verify`: what judges replays, bills and receipts, for programs and pages that do nothing else. It
 * never reaches zod, which is most of a bundle of `index.ts`. A test holds that.
 */
import './check-node.ts';
import './fast/install-shortcut.ts';

export { SCHEMA_ERROR_CODES, SchemaError, type SchemaErrorCode, show } from './error.ts';
export { type Sha256, sha256Hex } from './hash.ts';

export { argumentFault, repetitionFault } from './config/argument-fault.ts';
export { faultOfOptions, type KnownOptions } from './config/known-options.ts';

export { canonicalJson } from './json/canonical.ts';
export { type ExactJson, parseExactJson } from './json/exact-json.ts';
export { isJsonObject, type Json, type JsonObject } from './json/json.ts';
export { printable, printableJson } from './json/printable.ts';
export { decodeUtf8 } from './json/utf8.ts';

export { isChainName, ORGID_PATTERN, SYSTEM_CHAIN, UNATTRIBUTED_CHAIN } from './event/subject.ts';

export type { Core, Entry } from './ledger/entry.ts';
export type { Totals, Volume } from './ledger/volume.ts';

export {
  type AcknowledgedBy,
  type Acknowledgements,
  createAcknowledgements,
  type LossAcknowledgement,
} from './verify/acknowledgements.ts';
export type { VerifiedEntry } from './verify/chain-judge.ts';
export { isPublicKey } from './verify/ed25519-encoding.ts';
export { createLineSplitter, type LineSplitter, MAX_LINE_BYTES } from './verify/line-splitter.ts';
export {
  type AsyncReceiptKeys,
  createReceiptReader,
  type Receipt,
  type ReceiptCounts,
  type ReceiptKeys,
  type ReceiptReader,
  signedText,
  wrongSignature,
} from './verify/receipt.ts';
export {
  type ChainReport,
  type Checked,
  type Expectation,
  type Problem,
  type Verdict,
  VERDICT_EXIT_CODES,
  VERDICTS,
} from './verify/verdict.ts';
export {
  type AsyncChainVerifier,
  type AsyncVerifyOptions,
  type ChainVerifier,
  createAsyncChainVerifier,
  createChainVerifier,
  verify,
  type VerifyOptions,
} from './verify/verify.ts';

export {
  type Bill,
  type BillAnchors,
  type BillCompleteness,
  type BillCut,
  type BillLine,
  type BillStatement,
  MAX_BILL_BYTES,
  statementText,
} from './bill/bill.ts';
export { type BillReport, type BillScope } from './bill/bill-report.ts';
export { parseBill } from './bill/parse-bill.ts';
export type { BillReplay } from './bill/replay-check.ts';
export {
  type AsyncVerifyBillOptions,
  verifyBill,
  verifyBillAsync,
  type VerifyBillOptions,
} from './bill/verify-bill.ts';
