/**
 * Watches the connection of `serve`: lost, restored, identity not accepted, permission denied. Logs each change once.
 */
import type { NatsConnection } from '@nats-io/nats-core';
import { ConsumerError } from '../errors.ts';
import type { ConsumerLogger } from '../logger.ts';
import type { Settings } from '../settings.ts';
import { describeDenial, isAuthError } from '../nats/nats-error.ts';
import { createPermissionDenials, type PermissionDenials } from '../nats/permission-denials.ts';
import { isAdvisorySubject } from '../streams/stream-watch.ts';
import { isServiceSubject } from './micro-service.ts';

export interface ConnectionWatch {
  readonly isConnected: boolean;
  /** Reconnections since the start. */
  readonly reconnects: number;
  /** Since when the server does not accept this identity; null: it does. */
  readonly identityRefusedSince: Date | null;
  readonly denials: PermissionDenials;
  /** Rejects with CANNOT_CONNECT when the identity was not accepted for too long; never resolves. */
  readonly lost: Promise<never>;
}

export interface ConnectionWatchOptions {
  readonly settings: Settings;
  readonly logger: ConsumerLogger;
  /** How long the server may not accept the identity. Each attempt reads its files again: they may be being rotated. */
  readonly refusedMs: number;
}

/**
 * The client tries about every half second. After this long without such an error, the next one begins a new period.
 */
const AUTH_PERIOD_ENDS_MS = 10_000;

export function watchConnection(
  nc: NatsConnection,
  { settings, logger, refusedMs }: ConnectionWatchOptions,
): ConnectionWatch {
  const isOptional = (subject: string): boolean => isServiceSubject(subject) || isAdvisorySubject(subject);
  const denials = createPermissionDenials({ maskedPrefixes: [settings.ledgerPrefix], isOptional });
  let isConnected = true;
  let reconnects = 0;
  /**
   * The period in which the server does not accept the identity. `from` and `last` are of a clock that nobody can set.
   */
  let notAccepted: { readonly since: Date; readonly from: number; last: number } | null = null;
  const { promise: lost, reject } = Promise.withResolvers<never>();
  lost.catch(() => undefined); // The caller races it.

  function onAuthError(error: Error): void {
    const now = performance.now();
    if (notAccepted && now - notAccepted.last > AUTH_PERIOD_ENDS_MS) notAccepted = null;
    if (!notAccepted) {
      notAccepted = { since: new Date(), from: now, last: now };
      logger.error({ err: error }, `NATS refuses this identity (${error.message}): trying again`);
    }
    notAccepted.last = now;
    if (now - notAccepted.from < refusedMs) return;
    const seconds = Math.round((now - notAccepted.from) / 1000);
    const what = `NATS at ${nc.getServer()} has refused this identity for ${seconds} s: ${error.message}`;
    reject(new ConsumerError('CANNOT_CONNECT', what, { cause: error }));
  }

  /** The client reports "disconnect" and "reconnect" once for each attempt that the server turned down. */
  async function watch(): Promise<void> {
    for await (const status of nc.status()) {
      if (status.type === 'disconnect') {
        if (isConnected && !notAccepted)
          logger.warn({ server: status.server }, 'disconnected from NATS, connecting again');
        isConnected = false;
      } else if (status.type === 'reconnect') {
        if (isConnected) continue;
        isConnected = true;
        notAccepted = null;
        reconnects++;
        denials.forget();
        logger.info({ server: status.server }, 'connected to NATS again');
      } else if (status.type === 'error') {
        if (isAuthError(status.error)) onAuthError(status.error);
        else report(status.error, denials, logger);
      }
    }
  }
  watch().catch((error: unknown) => logger.error({ err: error }, 'no longer watching the connection'));

  return {
    get isConnected() {
      return isConnected;
    },
    get reconnects() {
      return reconnects;
    },
    get identityRefusedSince() {
      return notAccepted?.since ?? null;
    },
    denials,
    lost,
  };
}

/** A missing permission is denied again at every attempt. It is logged once. */
function report(error: Error, denials: PermissionDenials, logger: ConsumerLogger): void {
  if (!denials.isDenial(error)) return logger.warn({ err: error }, 'NATS reported an error');
  const denial = denials.record(error);
  if (!denial) return;
  const { operation, subject, optional } = denial;
  const what = describeDenial(denial);
  if (optional) logger.warn({ operation, subject }, `${what}: going on without it`);
  // Without the error: its stack says nothing.
  else logger.error({ operation, subject }, what);
}
