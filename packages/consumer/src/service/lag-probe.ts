/**
 * How far the ledger is behind AUDIT, looked at from outside of the writer, which cannot tell while it is stuck, and the
 * same for a standby. In seconds it is the age of the oldest event that is in no chain: one look now and then is enough
 * to know it exactly, because what was the oldest stays so until the watermark passes it.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import { EPOCH_STRIDE } from '@waybill/schema';
import type { ConsumerLogger } from '../logger.ts';
import type { Settings } from '../settings.ts';
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

export interface LagProbeOptions {
  readonly jsm: JetStreamManager;
  readonly settings: Settings;
  readonly logger: ConsumerLogger;
  /** What the consumer says: the watermark, and the lag when it last counted. */
  readonly progress: () => { watermark: number; lag: number; epoch: number };
  /** Hears how the streams are configured, with each look. */
  readonly history: StreamHistory;
}

const INTERVAL_MS = 5_000;

export function startLagProbe({ jsm, settings, logger, progress, history }: LagProbeOptions): LagProbe {
  let auditEnd = 0;
  /** An event that was in no chain when looked at. */
  let oldest: { readonly seq: number; readonly storedAt: number } | null = null;
  let sizes: readonly StreamSize[] = [];
  const stall = createStall();
  /** A look is under way; another one was asked for since it began: a change may have come after what it saw. */
  let looking = false;
  let again = false;

  async function look(): Promise<void> {
    const [audit, ledger] = await Promise.all([
      jsm.streams.info(settings.auditStream),
      jsm.streams.info(settings.ledgerStream),
    ]);
    sizes = [audit, ledger].map(({ config, state }) => ({
      stream: config.name,
      messages: state.messages,
      bytes: state.bytes,
      maxBytes: config.max_bytes > 0 ? config.max_bytes : null,
    }));
    history.observe(configsOf([audit, ledger]));
    const { watermark, epoch } = progress();
    // The watermark counts as the ledger does.
    const base = epoch * EPOCH_STRIDE;
    auditEnd = base + audit.state.last_seq;
    if (auditEnd <= watermark || (oldest && oldest.seq > watermark)) return;
    // The client's type leaves out `next_by_subj`, which the server has had since 2.9.
    const query = { seq: Math.max(1, watermark + 1 - base), next_by_subj: '>' } as { seq: number };
    const message = await jsm.streams.getMessage(settings.auditStream, query);
    if (message) oldest = { seq: base + message.seq, storedAt: message.time.getTime() };
  }

  function lookAgain(): void {
    again = true;
    if (looking) return;
    looking = true;
    const run = async (): Promise<void> => {
      while (again) {
        again = false;
        await look();
      }
    };
    run()
      // What it means is said by those who need the answer more: the session, the check of the streams.
      .catch((error: unknown) => logger.debug({ err: error }, 'could not look at how far the ledger is behind'))
      .finally(() => {
        looking = false;
      });
  }

  /** AUDIT messages that are not in the ledger, as of the last look or as the consumer says. */
  const behind = ({ watermark, lag }: { watermark: number; lag: number }): number =>
    Math.max(lag, auditEnd - watermark, 0);

  function lookForStall(): void {
    const now = progress();
    stall.look(performance.now(), { watermark: now.watermark, waiting: behind(now) > 0 });
  }

  const timer = setInterval(() => {
    // Also while nobody answers.
    lookForStall();
    lookAgain();
  }, INTERVAL_MS);
  lookAgain();

  return {
    lag() {
      const now = progress();
      lookForStall();
      const isBehind = oldest !== null && oldest.seq > now.watermark;
      return {
        events: behind(now),
        stalledSeconds: stall.seconds(performance.now()),
        seconds: isBehind ? Math.max(0, Date.now() - (oldest as { storedAt: number }).storedAt) / 1000 : 0,
      };
    },
    sizes: () => sizes,
    look: lookAgain,
    close: () => clearInterval(timer),
  };
}
