/**
 * Compares the streams' configuration with the wanted one while the service runs: at intervals, and at once when
 * JetStream announces that a stream was changed (advisories; the permission to hear them is optional).
 *
 * What a drift means for the writer:
 *
 * - In **AUDIT** it never stops the writer. A looser limit can only lose events that are in no chain yet. To stop
 *   chaining would lose them for certain.
 * - In **LEDGER** a field that lets somebody remove, change or add blocks ends the service (STREAM_DRIFT), and prevents
 *   its start. With `discard: old`, for example, each new block removes one that a bill rests on. AUDIT keeps the events
 *   meanwhile.
 * - A missing stream does not end the service: the next start might create it again without anybody noticing.
 */
import type { NatsConnection, Subscription } from '@nats-io/nats-core';
import { checkPeriod } from '../check-period.ts';
import { createCoalescedTask } from '../coalesced-task.ts';
import { ConsumerError } from '../errors.ts';
import type { ConsumerLogger } from '../logger.ts';
import { checkStreams, type DeployOptions } from './deploy.ts';
import { describeDrift, type Drift, mayHarmLedger } from './stream-config.ts';

export interface StreamWatch {
  /** As of the last check. */
  readonly drift: readonly Drift[];
  /** When the streams were last compared; null before the first time. */
  readonly checkedAt: Date | null;
  /** Rejects with STREAM_DRIFT when further writing would do harm; never resolves. */
  readonly harm: Promise<never>;
  close(): void;
}

export interface StreamWatchOptions {
  readonly nc: NatsConnection;
  readonly streams: DeployOptions;
  readonly logger: ConsumerLogger;
  /** 0: only at the start and when JetStream announces a change. */
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
  let isClosed = false;
  const { promise: harm, reject: reportHarm } = Promise.withResolvers<never>();
  harm.catch(() => undefined); // The caller races it.

  async function check(): Promise<void> {
    const found = await checkStreams(nc, streams);
    if (isClosed) return;
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
    const message = `stream ${streams.ledgerStream} was changed while running (${what}): not written to any more`;
    reportHarm(new ConsumerError('STREAM_DRIFT', message));
  }

  const checking = createCoalescedTask(check, (error) =>
    logger.warn({ err: error }, 'could not compare the streams with what is wanted'),
  );

  const subscriptions: Subscription[] = [streams.auditStream, streams.ledgerStream].map((stream) =>
    nc.subscribe(`${ADVISORIES}.${stream}`, {
      callback(error, message) {
        // The permission is missing, which the connection watch reports. The checks at intervals go on.
        if (error) return;
        logger.info(
          { stream, advisory: message.subject.split('.').at(-2) },
          'JetStream announces a change of a stream',
        );
        checking.request();
        onAdvisory();
      },
    }),
  );
  const timer = intervalMs > 0 ? setInterval(checking.request, checkPeriod('checkIntervalMs', intervalMs)) : null;
  checking.request();

  return {
    get drift() {
      return drift;
    },
    get checkedAt() {
      return checkedAt;
    },
    harm,
    close() {
      isClosed = true;
      checking.close();
      if (timer) clearInterval(timer);
      for (const subscription of subscriptions) subscription.unsubscribe();
    },
  };
}

function keyOf({ stream, field, found }: Drift): string {
  return `${stream} ${field} ${JSON.stringify(found)}`;
}
