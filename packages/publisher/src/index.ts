import './check-node.ts';
export type { Accounts, AdoptedStats, CloseResult, PublisherStats, SpoolStats, UnsignedCounts } from './stats.ts';
export type { Ack } from './ack.ts';
export { type AutoCapture, autoCapture, type AutoCaptureOptions } from './instrument/auto-capture.ts';
export type { ConnectionLike } from './connection-like.ts';
export type { Credentials } from './credentials.ts';
export {
  type Actor,
  type Claims,
  type Definition,
  type DispatchedFields,
  type Dispatcher,
  dispatcher,
  type DispatcherOptions,
  type DispatcherStats,
} from './instrument/dispatcher.ts';
export { type Drop, DROP_REASONS, type DropReason } from './drop.ts';
export {
  decision,
  type Decision,
  type DecisionActor,
  type DecisionOptions,
  type Oversight,
  type RunDecision,
} from './instrument/decision.ts';
export { getDefaultPublisher, setDefaultPublisher } from './instrument/default-publisher.ts';
export { type EnvironmentSinkOptions, sinkFromEnvironment } from './sinks/environment-sink.ts';
export { PUBLISHER_ERROR_CODES, PublisherError, type PublisherErrorCode } from './error.ts';
export { type FileCloseResult, type FileSink, fileSink, type FileSinkStats } from './sinks/file-sink.ts';
export type { FileSinkOptions } from './sinks/file-sink-options.ts';
export type { Confirmation, ConfirmLevel, Publisher, PublisherState, PublisherStatus, WaitOptions } from './handle.ts';
export type { EventInput } from './event-input.ts';
export { type LazySize, lazySize, type LazySizeOptions } from './instrument/lazy-size.ts';
export { audited, type ErrorDescription, lifecycle, type LifecycleOptions, timed } from './instrument/lifecycle.ts';
export { type Fault, type Match, memorySink, type MemorySink, type MemorySinkOptions } from './sinks/memory-sink.ts';
export { nullSink } from './sinks/null-sink.ts';
export type { PublisherOptions } from './options.ts';
export { createPublisher } from './publisher/publisher.ts';
export type { PublisherLogger } from './logger.ts';
export { createSigner, type SignerOptions } from './signing/signer.ts';
export type { Secret } from './signing/create-identity.ts';
export type { Signer, SigningIdentity } from './signing-identity.ts';
export type { Sink } from './sink.ts';
export type { StamperOptions } from './event/stamper.ts';
export { teeSink } from './sinks/tee-sink.ts';
export { withFlush, type WithFlushOptions } from './instrument/with-flush.ts';
export {
  artifactDownloaded,
  artifactUploaded,
  decisionEnded,
  decisionRecorded,
  decisionReviewed,
  decisionStarted,
  defineEvent,
  displayText,
  type EventDefinition,
  type EventDraft,
  requestHandled,
  runFailed,
  runFinished,
  runStarted,
} from '@waybill/schema';
