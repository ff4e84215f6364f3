import './check-node.ts';
export { artifactDownloaded, artifactUploaded } from './artifact.ts';
export { BUILT_IN_EVENTS } from './built-in.ts';
export { closest } from './closest.ts';
export { canonicalJson, MAX_DEPTH } from './canonical.ts';
export { isChainloop } from './chainloop.ts';
export { decisionEnded, decisionRecorded, decisionReviewed, decisionStarted } from './decision-event.ts';
export {
  type AnyEventDefinition,
  defineEvent,
  type EventDefinition,
  type EventDraft,
  type EventFields,
} from './define-event.ts';
export { SCHEMA_ERROR_CODES, SchemaError, type SchemaErrorCode } from './error.ts';
export { ActorType, checkEvent, Event, EventAttributes, MAX_EVENT_BYTES, Outcome } from './event.ts';
export { decodeUtf8, type ExactJson, parseExactJson } from './exact-json.ts';
export { cutText, displayText } from './fitting-text.ts';
export { type Sha256, sha256Hex, ZERO_HASH } from './hash.ts';
export { isJsonObject, type Json, type JsonObject } from './json.ts';
export { faultOfOptions, type KnownOptions } from './known-options.ts';
export { createLineSplitter, type LineSplitter, MAX_LINE_BYTES } from './line.ts';
export { readMessage, type ReadMessageOptions, type Reading, type Rejection, REJECTIONS } from './message.ts';
export type { Origin } from './origin.ts';
export { type Receipt, type ReceiptCounts, signedText, type VerifySignature } from './receipt.ts';
export { requestHandled } from './request-event.ts';
export { runFailed, runFinished, runStarted } from './run-event.ts';
export { inboxPrefixOf, readServerAddress, type ServerAddress, shownServer, splitServers } from './server-address.ts';
export { createSizeMemory, needsSize, SIZE_WINDOW, type SizeMemory, statedVolume } from './size-memory.ts';
export { parseJson } from './parse-json.ts';
export { createTextStamp } from './plain-stamp.ts';
export { createDataCheck, type DataCheck, type Stamp, type StampedEvent, stampEvent, utf8Length } from './stamp.ts';
export {
  DEFAULT_EVENT_PREFIX,
  DEFAULT_LEDGER_PREFIX,
  EVENT_TYPE_PATTERN,
  type EventSubject,
  formatEventSubject,
  formatLedgerSubject,
  ORGID_PATTERN,
  parseEventSubject,
  parseLedgerSubject,
  SUBJECT_PREFIX_PATTERN,
  SYSTEM_CHAIN,
} from './subject.ts';
export { type Transfer, transferOf } from './transfer.ts';
export type { TypeRules } from './type-rules.ts';
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
  formatBlock,
  formatTrailer,
  formatTrailerLine,
  MAX_BLOCK_BYTES,
  parseBlock,
  splitBlock,
  stateAfter,
  Trailer,
  trailerMismatch,
} from './block.ts';
export {
  appendEntry,
  appendLine,
  type Core,
  emptyHead,
  type Entry,
  entryPieces,
  formatCore,
  formatEntry,
  type Head,
  headOf,
  type NextCore,
  type NextEntry,
  parseEntry,
  RunningHead,
  type Source,
} from './entry.ts';
export type { Hole } from './hole.ts';
export { admit, MAX_MISSING, MAX_PRODUCERS, ProducerWindow, ProducerWindows } from './producer-window.ts';
export {
  EPOCH_STRIDE,
  type EpochRecord,
  MAX_KEPT_PAYLOAD,
  standsForNoMessage,
  type StreamChange,
  type SystemRecord,
} from './system-record.ts';
export {
  type ChainReport,
  type Expectation,
  type Problem,
  type Verdict,
  VERDICT_EXIT_CODES,
  VERDICTS,
} from './verdict.ts';
export { type ChainVerifier, createChainVerifier, type VerifiedEntry, verify, type VerifyOptions } from './verify.ts';
