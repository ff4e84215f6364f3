/** What becomes of the connection of `serve`: cut, made again, refused. Each change is logged once. */
import type { NatsConnection } from '@nats-io/nats-core';
import { ConsumerError } from '../errors.ts';
import type { ConsumerLogger } from '../logger.ts';
import type { Settings } from '../settings.ts';
import { describeDenial, isIdentityRefused } from '../nats/nats-error.ts';
import { createPermissionDenials, type PermissionDenials } from '../nats/permission-denials.ts';
import { isAdvisorySubject } from '../streams/stream-watch.ts';
import { isServiceSubject } from './micro-service.ts';

export interface ConnectionWatch {
  readonly up: boolean;
  /** Connections that were made again. */
  readonly reconnects: number;
  /** Since when the server refuses this identity; null: it does not. */
  readonly identityRefusedSince: Date | null;
  readonly denials: PermissionDenials;
  /** Rejects with CANNOT_CONNECT when the identity was refused for too long; never resolves. */
  readonly lost: Promise<never>;
}

export interface ConnectionWatchOptions {
  readonly settings: Settings;
  readonly logger: ConsumerLogger;
  /** How long an identity may be refused: files that are being rotated are read again with every attempt. */
  readonly refusedMs: number;
}

/** Attempts come every half second or so: after such a pause the refusal before was another matter. */
const REFUSAL_ENDS_MS = 10_000;

export function watchConnection(
  nc: NatsConnection,
  { settings, logger, refusedMs }: ConnectionWatchOptions,
): ConnectionWatch {
  const isOptional = (subject: string): boolean => isServiceSubject(subject) || isAdvisorySubject(subject);
  const denials = createPermissionDenials({ maskedPrefixes: [settings.ledgerPrefix], isOptional });
  let up = true;
  let reconnects = 0;
  /** By a clock that nobody can set. */
  let refused: { readonly since: Date; readonly from: number; last: number } | null = null;
  const { promise: lost, reject } = Promise.withResolvers<never>();
  lost.catch(() => undefined); // Whoever waits for it hears it.

  function onIdentityRefused(error: Error): void {
    const now = performance.now();
    if (refused && now - refused.last > REFUSAL_ENDS_MS) refused = null;
    if (!refused) {
      refused = { since: new Date(), from: now, last: now };
      logger.error({ err: error }, `NATS refuses this identity (${error.message}): trying again`);
    }
    refused.last = now;
    if (now - refused.from < refusedMs) return;
    const seconds = Math.round((now - refused.from) / 1000);
    const what = `NATS at ${nc.getServer()} has refused this identity for ${seconds} s: ${error.message}`;
    reject(new ConsumerError('CANNOT_CONNECT', what, { cause: error }));
  }

  /** The client says "disconnect" and "reconnect" once for each attempt that got as far as being refused. */
  async function watch(): Promise<void> {
    for await (const status of nc.status()) {
      if (status.type === 'disconnect') {
        if (up && !refused) logger.warn({ server: status.server }, 'disconnected from NATS, connecting again');
        up = false;
      } else if (status.type === 'reconnect') {
        if (up) continue;
        up = true;
        refused = null;
        reconnects++;
        denials.forget();
        logger.info({ server: status.server }, 'connected to NATS again');
      } else if (status.type === 'error') {
        if (isIdentityRefused(status.error)) onIdentityRefused(status.error);
        else report(status.error, denials, logger);
      }
    }
  }
  watch().catch((error: unknown) => logger.error({ err: error }, 'no longer watching the connection'));

  return {
    get up() {
      return up;
    },
    get reconnects() {
      return reconnects;
    },
    get identityRefusedSince() {
      return refused?.since ?? null;
    },
    denials,
    lost,
  };
}

/** A right that is missing is refused again with every attempt: said once. */
function report(error: Error, denials: PermissionDenials, logger: ConsumerLogger): void {
  if (!denials.isDenial(error)) return logger.warn({ err: error }, 'NATS reported an error');
  const refusal = denials.record(error);
  if (!refusal) return;
  const { operation, subject, optional } = refusal;
  const what = describeDenial(refusal);
  if (optional) logger.warn({ operation, subject }, `${what}: going on without it`);
  // Foreseen: its stack says nothing.
  else logger.error({ operation, subject }, what);
}
