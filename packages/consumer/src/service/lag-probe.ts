/**
 * How far the ledger is behind AUDIT, seen from outside of the writer: a writer that is stuck cannot tell, nor can a
 * standby. In seconds, the lag is the age of the oldest event that is in no chain. A look now and then is enough to
 * know it exactly: the oldest event stays the oldest until the watermark passes it.
 */
import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream';
import { EPOCH_STRIDE } from '@waybill/schema/internal';
import { createCoalescedTask } from '../coalesced-task.ts';
import type { ConsumerLogger } from '../logger.ts';
import type { Settings } from '../settings.ts';
import { getNextMessage } from '../nats/leader-get.ts';
import { readStreamInfo } from '../nats/stream-info.ts';
import { configsOf, type StreamHistory } from '../streams/stream-history.ts';
import { createStall } from './stall.ts';

interface Lag {
  readonly events: number;
  readonly seconds: number;
  /** How long nothing has been chained although something waits. */
  readonly stalledSeconds: number;
}

export interface StreamSize {
  readonly stream: string;
  readonly messages: number;
  readonly bytes: number;
  /** null: no limit. */
  readonly maxBytes: number | null;
}

export interface LagProbe {
  lag(): Lag;
  /** As of the last look. */
  sizes(): readonly StreamSize[];
  /** Looks now. */
  look(): void;
  close(): void;
}

interface Progress {
  readonly watermark: number;
  /** AUDIT messages that are not in the ledger, when the consumer last counted. */
  readonly lag: number;
  readonly epoch: number;
}

export interface LagProbeOptions {
  readonly jsm: JetStreamManager;
  readonly settings: Settings;
  readonly logger: ConsumerLogger;
  readonly progress: () => Progress;
  /** Gets the streams' configuration at each look. */
  readonly history: StreamHistory;
}

const INTERVAL_MS = 5_000;

export function startLagProbe({ jsm, settings, logger, progress, history }: LagProbeOptions): LagProbe {
  const { auditStream, ledgerStream } = settings;
  let auditEnd = 0;
  /** An event that was in no chain at the last look. Times are milliseconds since 1970. */
  let oldest: { readonly seq: number; readonly storedAt: number } | null = null;
  let sizes: readonly StreamSize[] = [];
  const stall = createStall();

  async function look(): Promise<void> {
    const infos = await Promise.all([readStreamInfo(jsm, auditStream), readStreamInfo(jsm, ledgerStream)]);
    sizes = infos.map(sizeOf);
    history.observe(configsOf(infos));
    const { watermark, epoch } = progress();
    const base = epoch * EPOCH_STRIDE;
    auditEnd = base + infos[0].state.last_seq;
    if (auditEnd <= watermark || (oldest && oldest.seq > watermark)) return;
    const message = await getNextMessage(jsm, auditStream, { seq: Math.max(1, watermark + 1 - base) });
    if (message) oldest = { seq: base + message.seq, storedAt: message.time.getTime() };
  }

  const looking = createCoalescedTask(look, (error) =>
    // The session and the stream watch need the same answers more, and say what the error means.
    logger.debug({ err: error }, 'could not look at how far the ledger is behind'),
  );

  const countBehind = ({ watermark, lag }: Progress): number => Math.max(lag, auditEnd - watermark, 0);

  function lookForStall(): void {
    const now = progress();
    stall.look(performance.now(), { watermark: now.watermark, waiting: countBehind(now) > 0 });
  }

  const timer = setInterval(() => {
    // Also while the server does not answer.
    lookForStall();
    looking.request();
  }, INTERVAL_MS);
  looking.request();

  return {
    lag() {
      const now = progress();
      lookForStall();
      const waitsSince = oldest !== null && oldest.seq > now.watermark ? oldest.storedAt : null;
      return {
        events: countBehind(now),
        stalledSeconds: stall.seconds(performance.now()),
        seconds: waitsSince === null ? 0 : Math.max(0, Date.now() - waitsSince) / 1000,
      };
    },
    sizes: () => sizes,
    look: looking.request,
    close() {
      looking.close();
      clearInterval(timer);
    },
  };
}

function sizeOf({ config, state }: StreamInfo): StreamSize {
  return {
    stream: config.name,
    messages: state.messages,
    bytes: state.bytes,
    maxBytes: config.max_bytes > 0 ? config.max_bytes : null,
  };
}
