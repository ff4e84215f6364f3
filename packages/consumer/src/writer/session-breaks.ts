/** What the connection reports that breaks a session off at once, instead of after a time-out. */
import { errors, type NatsConnection } from '@nats-io/nats-core';
import type { ConsumerLogger } from '../logger.ts';
import type { Settings } from '../settings.ts';
import { explain, isAuthError } from '../nats/nats-error.ts';

export interface ConnectionState {
  readonly isConnected: boolean;
}

export interface ConnectionWatchOptions {
  readonly nc: NatsConnection;
  readonly settings: Settings;
  readonly logger: ConsumerLogger;
  readonly onBreak: (reason: Error) => void;
}

export function watchConnection({ nc, settings, logger, onBreak }: ConnectionWatchOptions): ConnectionState {
  let isConnected = true;

  async function watch(): Promise<void> {
    for await (const status of nc.status()) {
      const { type } = status;
      if (type === 'reconnect') isConnected = true;
      if (type === 'disconnect' || type === 'close') {
        isConnected = false;
        // What was on its way may or may not have arrived: only the ledger knows.
        onBreak(new Error('disconnected from NATS'));
      }
      if (type !== 'error') continue;
      // Reported before the disconnection that follows.
      if (isAuthError(status.error)) onBreak(new Error(`NATS refuses this identity: ${status.error.message}`));
      // The server does not answer a message that may not be published.
      if (isMissingRight(status.error, settings)) onBreak(whatWasAttempted(status.error, settings));
    }
  }
  watch().catch((error: unknown) => logger.error({ err: error }, 'the connection is no longer watched'));

  return {
    get isConnected() {
      return isConnected;
    },
  };
}

/** Whether an error says that reading AUDIT or writing LEDGER is not allowed. */
function isMissingRight(error: Error, { auditStream, ledgerStream, ledgerPrefix }: Settings): boolean {
  if (!(error instanceof errors.PermissionViolationError) || error.operation !== 'publish') return false;
  // Without it, the server keeps a consumer for half a minute, and nobody misses a message.
  if (error.subject.startsWith('$JS.API.CONSUMER.DELETE.')) return false;
  const tokens = error.subject.split('.');
  return (
    error.subject.startsWith(`${ledgerPrefix}.`) ||
    (tokens[0] === '$JS' && (tokens.includes(auditStream) || tokens.includes(ledgerStream)))
  );
}

/** Whoever reads says itself what was attempted. Whoever publishes a block does not. */
function whatWasAttempted(error: Error, { ledgerStream, ledgerPrefix }: Settings): Error {
  const { subject } = error as Error & { subject: string };
  return subject.startsWith(`${ledgerPrefix}.`) ? explain(error, `append to stream ${ledgerStream}`) : error;
}
