export type { Accounts } from './accounts.ts';
export type { Ack } from './ack.ts';
export type { ConnectionLike } from './connection.ts';
export { type Drop, DROP_REASONS, type DropReason } from './drop.ts';
export { PUBLISHER_ERROR_CODES, PublisherError, type PublisherErrorCode } from './error.ts';
export type { AdoptedStats } from './adoption.ts';
export type {
  CloseResult,
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
export type { PublisherOptions } from './options.ts';
export { createPublisher } from './publisher.ts';
export type { PublisherLogger } from './report.ts';
export {
  artifactDownloaded,
  artifactUploaded,
  defineEvent,
  type EventDefinition,
  type EventDraft,
} from '@waybill/schema';
