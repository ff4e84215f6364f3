/**
 * What the NATS identity was refused while the service runs: rights can be taken away by a reload of the server, and the
 * server then says so on the connection, not to whoever waits for an answer.
 *
 * Nobody is told when a right is given back. But whatever the consumer needs it tries again within seconds, so a refusal
 * that has not come again for `FORGET_MS` is over.
 */
import { errors } from '@nats-io/nats-core';
import { maskConsumerName } from './consumer-name.ts';

export interface PermissionDenial {
  readonly operation: 'publish' | 'subscription';
  /** With `*` where names are made up, and for the organization. */
  readonly subject: string;
  /** Without this right the service goes on as well as before. */
  readonly optional: boolean;
  /** RFC 3339, UTC. */
  readonly since: string;
}

export interface PermissionDenials {
  /** Takes in an error of the connection. @returns the refusal if it is one that is not current yet, else null */
  record(error: unknown): PermissionDenial | null;
  /** Is any error a refusal? */
  isDenial(error: unknown): boolean;
  current(): readonly PermissionDenial[];
  /** The server's permissions are read anew with a new connection. */
  forget(): void;
}

const FORGET_MS = 30_000;
/** Kinds of subjects that are kept apart: with made-up names and organizations masked there are about a dozen. */
const MAX_SUBJECTS = 32;

export interface PermissionDenialsOptions {
  readonly ledgerPrefix: string;
  readonly isOptional: (subject: string) => boolean;
  /** Milliseconds, as of Date.now(). */
  readonly now?: () => number;
}

export function createPermissionDenials({
  ledgerPrefix,
  isOptional,
  now = Date.now,
}: PermissionDenialsOptions): PermissionDenials {
  const seen = new Map<string, PermissionDenial & { lastMs: number }>();

  /** A subscription that is refused is not tried again before the next connection. */
  const isCurrent = (one: PermissionDenial & { lastMs: number }): boolean =>
    one.operation === 'subscription' || now() - one.lastMs < FORGET_MS;

  function masked(subject: string): string {
    if (subject.startsWith(`${ledgerPrefix}.`)) return `${ledgerPrefix}.*`;
    // Names of inboxes end in 22 random characters (nuid).
    return maskConsumerName(subject).replaceAll(/[A-Za-z0-9]{22}/g, '*');
  }

  return {
    isDenial: (error) => error instanceof errors.PermissionViolationError,
    record(error) {
      if (!(error instanceof errors.PermissionViolationError)) return null;
      const { operation } = error;
      const subject = masked(error.subject);
      const key = `${operation} ${subject}`;
      const known = seen.get(key);
      if (known && isCurrent(known)) {
        known.lastMs = now();
        return null;
      }
      if (seen.size >= MAX_SUBJECTS && !known) return null;
      const refusal = { operation, subject, optional: isOptional(subject), since: new Date(now()).toISOString() };
      seen.set(key, { ...refusal, lastMs: now() });
      return refusal;
    },
    current: () =>
      [...seen.values()]
        .filter(isCurrent)
        .map(({ operation, subject, optional, since }) => ({ operation, subject, optional, since })),
    forget: () => seen.clear(),
  };
}
