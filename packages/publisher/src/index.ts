export type { Accounts } from './accounts.ts';
export type { Ack } from './ack.ts';
export type { ConnectionLike } from './connection.ts';
export { type Drop, DROP_REASONS, type DropReason } from './drop.ts';
export { PUBLISHER_ERROR_CODES, PublisherError, type PublisherErrorCode } from './error.ts';
export type { EventInput } from './intake.ts';
export type { PublisherOptions } from './options.ts';
export {
  type CloseResult,
  createPublisher,
  type Publisher,
  type PublisherState,
  type PublisherStats,
  type PublisherStatus,
  type WaitOptions,
} from './publisher.ts';
export type { PublisherLogger } from './report.ts';
export {
  artifactDownloaded,
  artifactUploaded,
  defineEvent,
  type EventDefinition,
  type EventDraft,
} from '@waybill/schema';
