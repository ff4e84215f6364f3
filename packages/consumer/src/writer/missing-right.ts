import { errors } from '@nats-io/nats-core';
import type { Settings } from '../settings.ts';

/** Whether an error that the server reported by the way says that reading the one stream or writing the other is not allowed. */
export function isMissingRight(
  error: Error,
  { auditStream, ledgerStream, ledgerPrefix }: Pick<Settings, 'auditStream' | 'ledgerStream' | 'ledgerPrefix'>,
): boolean {
  if (!(error instanceof errors.PermissionViolationError) || error.operation !== 'publish') return false;
  // Whose loss costs the server half a minute of a consumer, and nobody a message.
  if (error.subject.startsWith('$JS.API.CONSUMER.DELETE.')) return false;
  const tokens = error.subject.split('.');
  return (
    error.subject.startsWith(`${ledgerPrefix}.`) ||
    (tokens[0] === '$JS' && (tokens.includes(auditStream) || tokens.includes(ledgerStream)))
  );
}
