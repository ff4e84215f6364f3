import './check-node.ts';
export type { CloseResult, PublisherStats } from './stats.ts';
export type { Ack } from './ack.ts';
export type { ConnectionLike } from './connection-like.ts';
export type { Credentials } from './credentials.ts';
export { type Drop, DROP_REASONS, type DropReason } from './drop.ts';
export { PUBLISHER_ERROR_CODES, PublisherError, type PublisherErrorCode } from './error.ts';
export type { Confirmation, ConfirmLevel, Publisher, PublisherState, PublisherStatus, WaitOptions } from './handle.ts';
export type { EventInput } from './event-input.ts';
export type { PublisherOptions } from './options.ts';
export { createPublisher } from './publisher/publisher.ts';
export type { PublisherLogger } from './logger.ts';
export { createSigner, type SignerOptions } from './signing/signer.ts';
export type { Signer } from './signing-identity.ts';
export {
  artifactDownloaded,
  artifactUploaded,
  defineEvent,
  displayText,
  type EventDefinition,
  type EventDraft,
} from '@waybill/schema';
