import './check-node.ts';
export { artifactDownloaded, artifactUploaded } from './artifact.ts';
export { argumentFault } from './argument-fault.ts';
export { BUILT_IN_EVENTS } from './built-in.ts';
export { auditBilled, auditExported, auditRead, auditToken, auditVerified } from './audit-event.ts';
export { closest } from './closest.ts';
export { canonicalJson, MAX_DEPTH } from './canonical.ts';
export { isChainloop } from './chainloop.ts';
export { connectionFault } from './connection-fault.ts';
export { MAX_CLAIMED_LENGTH } from './cloud-event.ts';
export { decisionEnded, decisionRecorded, decisionReviewed, decisionStarted } from './decision-event.ts';
export {
  type AnyEventDefinition,
  defineEvent,
  type EventDefinition,
  type EventDraft,
  type EventFields,
} from './define-event.ts';
export { kindOf, SCHEMA_ERROR_CODES, SchemaError, type SchemaErrorCode, show } from './error.ts';
export { ActorType, checkEvent, Event, EventAttributes, MAX_EVENT_BYTES, Outcome } from './event.ts';
export { decodeUtf8, type ExactJson, parseExactJson } from './exact-json.ts';
export { cutText, displayText } from './fitting-text.ts';
export { type Sha256, sha256Hex, ZERO_HASH } from './hash.ts';
export { isJsonObject, type Json, type JsonObject } from './json.ts';
export { faultOfOptions, type KnownOptions } from './known-options.ts';
export { createLineSplitter, type LineSplitter, MAX_LINE_BYTES } from './line.ts';
export { isPublicKey } from './ed25519-encoding.ts';
export {
  type ElementReading,
  MAX_BATCH_BYTES,
  MAX_BATCH_EVENTS,
  type Message,
  readMessage,
  type ReadMessageOptions,
  type Reading,
  type Refusal,
  type Rejection,
  REJECTIONS,
} from './message.ts';
export { type Origin, originOf } from './origin.ts';
export { ownerOf } from './owner.ts';
export { producerClosed } from './producer-event.ts';
export { type AsyncReceiptKeys, type Receipt, type ReceiptCounts, type ReceiptKeys, signedText } from './receipt.ts';
export { requestHandled } from './request-event.ts';
export { runFailed, runFinished, runStarted } from './run-event.ts';
export { inboxPrefixOf, readServerAddress, type ServerAddress, shownServer, splitServers } from './server-address.ts';
export { createSizeMemory, needsSize, SIZE_WINDOW, type SizeMemory, statedVolume } from './size-memory.ts';
export { MAX_INDEX, parseEntry } from './parse-entry.ts';
export { parseJson } from './parse-json.ts';
export { createTextStamp } from './plain-stamp.ts';
export { printable, printableJson } from './printable.ts';
export { createDataCheck, type DataCheck, type Stamp, type StampedEvent, stampEvent, utf8Length } from './stamp.ts';
export {
  DEFAULT_EVENT_PREFIX,
  DEFAULT_LEDGER_PREFIX,
  EVENT_TYPE_PATTERN,
  type EventSubject,
  formatEventSubject,
  formatLedgerSubject,
  isChainName,
  isEventOrgid,
  isReservedChain,
  ORGID_PATTERN,
  parseEventSubject,
  parseLedgerSubject,
  SUBJECT_PREFIX_PATTERN,
  SYSTEM_CHAIN,
  UNATTRIBUTED_CHAIN,
} from './subject.ts';
export { hasLength, toAttributeText } from './text-rule.ts';
export { type Transfer, transferOf } from './transfer.ts';
export type { TypeRules } from './type-rules.ts';
export { isSource } from './uri-reference.ts';
export {
  addVolume,
  NO_TOTALS,
  NO_VOLUME,
  subtractTotals,
  sumTotals,
  type Tally,
  type Totals,
  type Volume,
  VolumeKind,
} from './volume.ts';
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
} from './block.ts';
export { nextTrailer, producersMismatch, type Trailer, trailerMismatch } from './trailer.ts';
export {
  appendEntry,
  appendLine,
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
  RunningHead,
  type Source,
} from './entry.ts';
export type { Hole } from './hole.ts';
export {
  type Admission,
  MAX_CHAIN_MISSING,
  MAX_MISSING,
  MAX_PRODUCERS,
  type ProducerWindow,
  ProducerWindows,
} from './producer-window.ts';
export {
  EPOCH_STRIDE,
  type EpochRecord,
  isKnownKind,
  MAX_KEPT_PAYLOAD,
  standsForNoMessage,
  type StreamChange,
  SYSTEM_KINDS,
  type SystemRecord,
} from './system-record.ts';
export {
  CHECKED,
  type ChainReport,
  type Checked,
  type Expectation,
  listChecked,
  NOT_CHECKED,
  type Problem,
  type Verdict,
  VERDICT_EXIT_CODES,
  VERDICTS,
} from './verdict.ts';
export {
  type AsyncChainVerifier,
  type AsyncVerifyOptions,
  type ChainVerifier,
  createAsyncChainVerifier,
  createChainVerifier,
  type VerifiedEntry,
  verify,
  type VerifyOptions,
} from './verify.ts';
