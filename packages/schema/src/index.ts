import './check-node.ts';
// Switches fast paths on. Delete this line and the one in internal.ts, and everything works without them.
import './fast/install.ts';

export { SCHEMA_ERROR_CODES, SchemaError, type SchemaErrorCode } from './error.ts';

export { canonicalJson } from './json/canonical.ts';

export { type AnyEventDefinition, defineEvent, type EventDefinition, type EventDraft } from './event/define-event.ts';
export { checkEvent, Event, EventAttributes } from './event/event.ts';
export { displayText } from './event/fitting-text.ts';
export { type EventSubject, formatEventSubject, parseEventSubject } from './event/subject.ts';

export { artifactDownloaded, artifactUploaded } from './event/types/artifact.ts';
export { decisionEnded, decisionRecorded, decisionReviewed, decisionStarted } from './event/types/decision.ts';
export { requestHandled } from './event/types/request.ts';
export { runFailed, runFinished, runStarted } from './event/types/run.ts';

export { type Message, readMessage } from './message/read-message.ts';

export type { Totals, Volume } from './ledger/volume.ts';

export {
  type AcknowledgedBy,
  type Acknowledgements,
  createAcknowledgements,
  type LossAcknowledgement,
} from './verify/acknowledgements.ts';
export type { VerifiedEntry } from './verify/chain-judge.ts';
export { createLineSplitter } from './verify/line-splitter.ts';
export type { AsyncReceiptKeys, ReceiptKeys } from './verify/receipt.ts';
export {
  type ChainReport,
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
  type BillSigner,
  type BillStatement,
  formatBill,
  MAX_BILL_BYTES,
  MAX_CUTS,
  MAX_OPEN_LISTED,
  type OpenPublisher,
  type OpenPublishers,
  signBill,
  statementText,
} from './bill/bill.ts';
export {
  BILL_ANCHORED,
  BILL_CHECKED,
  BILL_NOT_CHECKED,
  BILL_PROVEN,
  BILL_STATED,
  type BillReport,
  type BillScope,
} from './bill/bill-report.ts';
export { parseBill } from './bill/parse-bill.ts';
export { createPublisherScan, type PublisherScan } from './bill/publisher-scan.ts';
export type { BillReplay } from './bill/replay-check.ts';
export { makeStatement, type StatementParts } from './bill/statement.ts';
export {
  type AsyncVerifyBillOptions,
  verifyBill,
  verifyBillAsync,
  type VerifyBillOptions,
} from './bill/verify-bill.ts';
