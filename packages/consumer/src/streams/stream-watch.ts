/**
 * The streams' configuration, compared again and again while the service runs, and at once when JetStream announces that
 * a stream was changed (advisories; the right to hear them is optional).
 *
 * What a drift means for writing on:
 *
 * - In **AUDIT** it never stops the writer. Whatever may be lost there by another limit or age is lost only while it is
 *   in no chain; to stop chaining would lose it for certain.
 * - In **LEDGER** a field that lets blocks be erased, changed or added by others ends the service (STREAM_DRIFT), as it
 *   keeps it from starting: with `discard: old`, each block that is written erases one of a bill that was proven. AUDIT
 *   keeps the events meanwhile.
 * - A stream that is missing does not end the service: a start that deploys would make it anew, in silence.
 */
import type { NatsConnection, Subscription } from '@nats-io/nats-core';
import { checkPeriod } from '../check-period.ts';
import { ConsumerError } from '../errors.ts';
import type { ConsumerLogger } from '../logger.ts';
import { checkStreams, type DeployOptions } from './deploy.ts';
import { describeDrift, type Drift, mayHarmLedger } from './stream-config.ts';

export interface StreamWatch {
  /** As of the last check. */
  readonly drift: readonly Drift[];
  /** When the streams were last compared; null: not yet. */
  readonly checkedAt: Date | null;
  /** Rejects with STREAM_DRIFT when to go on writing would do harm; never resolves. */
  readonly harm: Promise<never>;
  close(): void;
}

export interface StreamWatchOptions {
  readonly nc: NatsConnection;
  readonly streams: DeployOptions;
  readonly logger: ConsumerLogger;
  /** 0: never, but for advisories. */
  readonly intervalMs: number;
  /** Called at once when JetStream announces a change. */
  readonly onAdvisory: () => void;
}

function isHarmful(drift: Drift, ledgerStream: string): boolean {
  return drift.stream === ledgerStream && mayHarmLedger(drift.field);
}

const ADVISORIES = '$JS.EVENT.ADVISORY.STREAM.*';

export function isAdvisorySubject(subject: string): boolean {
  return subject.startsWith('$JS.EVENT.ADVISORY.');
}

export function watchStreams({ nc, streams, logger, intervalMs, onAdvisory }: StreamWatchOptions): StreamWatch {
  let drift: readonly Drift[] = [];
  let checkedAt: Date | null = null;
  let closed = false;
  /** A check is under way; another one was asked for since it began. */
  let checking = false;
  let again = false;
  const { promise: harm, reject: reportHarm } = Promise.withResolvers<never>();
  harm.catch(() => undefined); // Whoever waits for it hears it.

  async function check(): Promise<void> {
    const found = await checkStreams(nc, streams);
    if (closed) return;
    checkedAt = new Date();
    const before = new Set(drift.map(keyOf));
    for (const one of found) {
      if (!before.has(keyOf(one))) logger.error({ drift: one }, `a stream was changed: ${describeDrift(one)}`);
    }
    if (drift.length > 0 && found.length === 0) logger.info({}, 'the streams are as wanted again');
    drift = found;
    const harmful = found.filter((one) => isHarmful(one, streams.ledgerStream));
    if (harmful.length === 0) return;
    const what = harmful.map(describeDrift).join('; ');
    reportHarm(
      new ConsumerError(
        'STREAM_DRIFT',
        `stream ${streams.ledgerStream} was changed while running (${what}): not written to any more`,
      ),
    );
  }

  function checkNow(): void {
    again = true;
    if (checking || closed) return;
    checking = true;
    const run = async (): Promise<void> => {
      while (again && !closed) {
        again = false;
        await check();
      }
    };
    run()
      .catch((error: unknown) => logger.warn({ err: error }, 'could not compare the streams with what is wanted'))
      .finally(() => {
        checking = false;
      });
  }

  const subscriptions: Subscription[] = [streams.auditStream, streams.ledgerStream].map((stream) =>
    nc.subscribe(`${ADVISORIES}.${stream}`, {
      callback(error, message) {
        // Without the right, which serve.ts reports, only the time between the checks is longer.
        if (error) return;
        logger.info(
          { stream, advisory: message.subject.split('.').at(-2) },
          'JetStream announces a change of a stream',
        );
        checkNow();
        onAdvisory();
      },
    }),
  );
  const timer = intervalMs > 0 ? setInterval(checkNow, checkPeriod('checkIntervalMs', intervalMs)) : null;
  checkNow();

  return {
    get drift() {
      return drift;
    },
    get checkedAt() {
      return checkedAt;
    },
    harm,
    close() {
      closed = true;
      if (timer) clearInterval(timer);
      for (const subscription of subscriptions) subscription.unsubscribe();
    },
  };
}

function keyOf({ stream, field, found }: Drift): string {
  return `${stream} ${field} ${JSON.stringify(found)}`;
}
