/**
 * `@waybill/schema/internal`: everything that Waybill's own packages import. It changes with any version; the public
 * API is `index.ts`.
 */
import './check-node.ts';
import './fast/install.ts';

export { kindOf, SCHEMA_ERROR_CODES, SchemaError, type SchemaErrorCode, show } from './error.ts';
export { fastPathsEnabled } from './fast-paths.ts';
export { type Sha256, sha256Hex, ZERO_HASH } from './hash.ts';

export { argumentFault, repetitionFault } from './config/argument-fault.ts';
export { closest } from './config/closest.ts';
export { connectionFault } from './config/connection-fault.ts';
export { faultOfOptions, type KnownOptions } from './config/known-options.ts';
export {
  inboxPrefixOf,
  readServerAddress,
  type ServerAddress,
  shownServer,
  splitServers,
} from './config/server-address.ts';

export { canonicalJson, MAX_DEPTH } from './json/canonical.ts';
export { type ExactJson, parseExactJson } from './json/exact-json.ts';
export { isJsonObject, type Json, type JsonObject } from './json/json.ts';
export { parseJson } from './json/parse-json.ts';
export { printable, printableJson } from './json/printable.ts';
export { decodeUtf8, utf8Length } from './json/utf8.ts';

export { MAX_CLAIMED_LENGTH } from './event/attribute.ts';
export { isChainloop } from './event/chainloop.ts';
export {
  type AnyEventDefinition,
  defineEvent,
  type EventDefinition,
  type EventDraft,
  type EventFields,
} from './event/define-event.ts';
export { ActorType, checkEvent, Event, EventAttributes, MAX_EVENT_BYTES, Outcome } from './event/event.ts';
export { organizationFileName } from './event/file-name.ts';
export { cutText, displayText } from './event/fitting-text.ts';
export { type Origin, originOf } from './event/origin.ts';
export { ownerOf } from './event/owner.ts';
export {
  DEFAULT_CONTROL_PREFIX,
  DEFAULT_EVENT_PREFIX,
  DEFAULT_LEDGER_PREFIX,
  EVENT_TYPE_PATTERN,
  type EventSubject,
  formatAcknowledgeSubject,
  formatEventSubject,
  formatLedgerSubject,
  isChainName,
  isControlSubject,
  isEventOrgid,
  isReservedChain,
  ORGID_PATTERN,
  parseEventSubject,
  parseLedgerSubject,
  SUBJECT_PREFIX_PATTERN,
  SYSTEM_CHAIN,
  UNATTRIBUTED_CHAIN,
} from './event/subject.ts';
export { hasLength, toAttributeText } from './event/text-rule.ts';
export { type Transfer, transferOf } from './event/transfer.ts';
export { isSource } from './event/uri-reference.ts';

export { artifactDownloaded, artifactUploaded } from './event/types/artifact.ts';
export { auditBilled, auditExported, auditRead, auditToken, auditVerified } from './event/types/audit.ts';
export { BUILT_IN_EVENTS } from './event/types/built-in.ts';
export { decisionEnded, decisionRecorded, decisionReviewed, decisionStarted } from './event/types/decision.ts';
export { producerClosed } from './event/types/producer.ts';
export { requestHandled } from './event/types/request.ts';
export { runFailed, runFinished, runStarted } from './event/types/run.ts';

export {
  type Acknowledgement,
  type ControlReading,
  formatAcknowledgement,
  MAX_BY_LENGTH,
  MAX_REASON_LENGTH,
} from './message/control-message.ts';
export { createDataCheck, type DataCheck } from './message/data-check.ts';
export {
  type ElementReading,
  MAX_BATCH_BYTES,
  MAX_BATCH_EVENTS,
  type Message,
  type Reading,
  readMessage,
  type ReadMessageOptions,
} from './message/read-message.ts';
export { type RejectedReading, type Rejection, REJECTIONS } from './message/rejection.ts';
export { createTextStamp, type Stamp, type StampedEvent, stampEvent } from './message/stamp.ts';
export type { TypeRules } from './message/type-rules.ts';

export {
  type Block,
  type ChainState,
  emptyChain,
  formatBlock,
  formatTrailer,
  MAX_BLOCK_BYTES,
  parseBlock,
  splitBlock,
  stateAfter,
} from './ledger/block.ts';
export {
  comparePlaces,
  type Core,
  type CoreOrigin,
  emptyHead,
  type Entry,
  entryPieces,
  formatCore,
  formatEntry,
  type Head,
  headOf,
  isPast,
  type NextCore,
  type NextEntry,
  type Source,
} from './ledger/entry.ts';
export { MAX_INDEX, parseEntry } from './ledger/parse-entry.ts';
export {
  type Admission,
  MAX_CHAIN_MISSING,
  MAX_MISSING,
  MAX_PRODUCERS,
  type ProducerWindow,
  ProducerWindows,
} from './ledger/producer-window.ts';
export { appendEntry, appendLine, RunningHead } from './ledger/running-head.ts';
export { createSizeMemory, needsSize, SIZE_WINDOW, type SizeMemory, statedVolume } from './ledger/size-memory.ts';
export {
  EPOCH_STRIDE,
  type EpochRecord,
  isKnownKind,
  MAX_KEPT_PAYLOAD,
  standsForNoMessage,
  type StreamChange,
  SYSTEM_KINDS,
  type SystemRecord,
} from './ledger/system-record.ts';
export { nextTrailer, producersMismatch, type Trailer, trailerMismatch } from './ledger/trailer.ts';
export {
  addVolume,
  NO_TOTALS,
  NO_VOLUME,
  subtractTotals,
  sumTotals,
  type Tally,
  type Totals,
  type Volume,
  VOLUME_KINDS,
  type VolumeKind,
} from './ledger/volume.ts';

export {
  type AcknowledgedBy,
  type Acknowledgements,
  createAcknowledgements,
  type LossAcknowledgement,
} from './verify/acknowledgements.ts';
export type { VerifiedEntry } from './verify/chain-judge.ts';
export { isPublicKey } from './verify/ed25519-encoding.ts';
export { createLineSplitter, type LineSplitter, MAX_LINE_BYTES } from './verify/line-splitter.ts';
export type { MissingRange } from './verify/loss-times.ts';
export { createMissingEventFinder } from './verify/missing-events.ts';
export {
  type AcknowledgedEnd,
  createOpenProducers,
  isEndEntry,
  type OpenProducer,
  type OpenProducers,
  type PublisherState,
} from './verify/open-producers.ts';
export {
  type AsyncReceiptKeys,
  type Receipt,
  type ReceiptCounts,
  type ReceiptKeys,
  signedText,
} from './verify/receipt.ts';
export {
  type ChainReport,
  CHECKED,
  type Checked,
  type Expectation,
  listChecked,
  NOT_CHECKED,
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
