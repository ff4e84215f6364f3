/**
 * The permissions that the NATS identity turned out to lack while the service runs. A reload of the server can take
 * permissions away. The server then reports each attempt on the connection, not to the caller who waits for an answer.
 *
 * The server does not report that a permission was given back. But the consumer tries whatever it needs again within
 * seconds. So a denial that was not repeated for `FORGET_MS` is over.
 */
import { errors } from '@nats-io/nats-core';
import { maskConsumerName } from './consumer-name.ts';

export interface PermissionDenial {
  readonly operation: 'publish' | 'subscription';
  /** With `*` for tokens that differ from attempt to attempt: generated names, and what follows a masked prefix. */
  readonly subject: string;
  /** The service works as well without this permission. */
  readonly optional: boolean;
  /** RFC 3339, UTC. */
  readonly since: string;
}

export interface PermissionDenials {
  /** Takes in an error of the connection. @returns the denial if it is a new one; null if it is known, or no denial */
  record(error: unknown): PermissionDenial | null;
  isDenial(error: unknown): boolean;
  current(): readonly PermissionDenial[];
  /** Forgets all of them: a new connection has the permissions that the server has now. */
  forget(): void;
}

const FORGET_MS = 30_000;
/** Different denials that are remembered. With masked subjects there are about a dozen. */
const MAX_DENIALS = 32;

export interface PermissionDenialsOptions {
  /** Subjects with one of these prefixes are told as `<prefix>.*`. */
  readonly maskedPrefixes: readonly string[];
  readonly isOptional: (subject: string) => boolean;
  /** Milliseconds, as of Date.now(). */
  readonly now?: () => number;
}

interface Known {
  readonly denial: PermissionDenial;
  lastMs: number;
}

export function createPermissionDenials(options: PermissionDenialsOptions): PermissionDenials {
  const { maskedPrefixes, isOptional, now = Date.now } = options;
  /** By operation and masked subject. */
  const all = new Map<string, Known>();

  /** The client does not try a denied subscription again before the next connection. */
  const isCurrent = ({ denial, lastMs }: Known): boolean =>
    denial.operation === 'subscription' || now() - lastMs < FORGET_MS;

  function mask(subject: string): string {
    const prefix = maskedPrefixes.find((one) => subject.startsWith(`${one}.`));
    if (prefix !== undefined) return `${prefix}.*`;
    // Names of inboxes end in the 22 random characters of a nuid.
    return maskConsumerName(subject).replaceAll(/[A-Za-z0-9]{22}/g, '*');
  }

  return {
    isDenial: (error) => error instanceof errors.PermissionViolationError,
    record(error) {
      if (!(error instanceof errors.PermissionViolationError)) return null;
      const { operation } = error;
      const subject = mask(error.subject);
      const key = `${operation} ${subject}`;
      const known = all.get(key);
      if (known && isCurrent(known)) {
        known.lastMs = now();
        return null;
      }
      if (all.size >= MAX_DENIALS && !known) return null;
      const denial = { operation, subject, optional: isOptional(subject), since: new Date(now()).toISOString() };
      all.set(key, { denial, lastMs: now() });
      return denial;
    },
    current: () => [...all.values()].filter(isCurrent).map(({ denial }) => denial),
    forget: () => all.clear(),
  };
}
