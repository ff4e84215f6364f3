import './check-node.ts';
export type { Accounts, CloseResult } from './accounts.ts';
export type { Ack } from './ack.ts';
export type { AdoptedStats } from './adoption.ts';
export { autoCapture, type AutoCapture, type AutoCaptureOptions } from './auto-capture.ts';
export type { ConnectionLike } from './connection.ts';
export type { Credentials } from './credentials.ts';
export {
  type Actor,
  type Claims,
  type Definition,
  type DispatchedFields,
  dispatcher,
  type Dispatcher,
  type DispatcherOptions,
  type DispatcherStats,
} from './dispatcher.ts';
export { type Drop, DROP_REASONS, type DropReason } from './drop.ts';
export { createSink, type CreateSinkOptions, type SinkConfig } from './create-sink.ts';
export {
  type Decision,
  decision,
  type DecisionActor,
  type DecisionOptions,
  type Oversight,
  type RunDecision,
} from './decision.ts';
export { getDefaultPublisher, setDefaultPublisher } from './default-publisher.ts';
export { type EnvironmentSinkOptions, sinkFromEnvironment } from './environment-sink.ts';
export { PUBLISHER_ERROR_CODES, PublisherError, type PublisherErrorCode } from './error.ts';
export {
  type FileCloseResult,
  type FileSink,
  fileSink,
  type FileSinkStats,
} from './file-sink.ts';
export type { FileSinkOptions } from './file-sink-options.ts';
export type {
  Confirmation,
  ConfirmLevel,
  Publisher,
  PublisherState,
  PublisherStats,
  PublisherStatus,
  SpoolStats,
  WaitOptions,
} from './handle.ts';
export type { EventInput } from './intake.ts';
export { type LazySize, lazySize, type LazySizeOptions } from './lazy-size.ts';
export { audited, type ErrorDescription, lifecycle, type LifecycleOptions, timed } from './lifecycle.ts';
export { type Fault, type Match, type MemorySink, memorySink, type MemorySinkOptions } from './memory-sink.ts';
export { nullSink } from './null-sink.ts';
export type { PublisherOptions } from './options.ts';
export { createPublisher } from './publisher.ts';
export type { PublisherLogger } from './report.ts';
export { createSigner, type Secret, type Signer, type SignerOptions, type SigningIdentity } from './signer.ts';
export type { UnsignedCounts } from './signing.ts';
export type { Sink } from './sink.ts';
export type { StamperOptions } from './stamper.ts';
export { teeSink } from './tee-sink.ts';
export { withFlush, type WithFlushOptions } from './with-flush.ts';
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
