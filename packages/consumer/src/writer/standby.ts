/** Watches both streams while another consumer writes. takeover.ts decides when this one writes again. */
import type { JetStreamManager } from '@nats-io/jetstream';
import { ConsumerError } from '../errors.ts';
import type { ConsumerLogger } from '../logger.ts';
import { pause } from '../pause.ts';
import type { Settings } from '../settings.ts';
import { NO_EPOCH, readLag } from '../audit/epoch.ts';
import { readLedgerEnd } from '../ledger/ledger-end.ts';
import type { Progress } from './progress.ts';
import { createTakeoverDecision } from './takeover.ts';

export interface StandbyOptions {
  readonly jsm: JetStreamManager;
  readonly settings: Settings;
  readonly logger: ConsumerLogger;
  /** Names this process. */
  readonly writer: string;
  readonly takeoverMs: number;
  readonly progress: Progress;
  readonly stop: AbortSignal;
  /** Called when another consumer is found to write, with its name. */
  readonly onOther: (writer: string | null) => void;
  readonly isFatal: (error: ConsumerError) => boolean;
}

/** Resolves when this consumer should write, or is asked to stop. @throws ConsumerError when `isFatal` */
export async function standBy(options: StandbyOptions): Promise<void> {
  const { jsm, settings, logger, writer, takeoverMs, progress, stop } = options;
  const takeover = createTakeoverDecision({ writer, takeoverMs });
  let known = NO_EPOCH;
  while (!stop.aborted) {
    try {
      const newest = await readLedgerEnd(jsm, settings);
      if (takeover.isOwnBlock(newest)) return;
      options.onOther(newest.writer);
      progress.watermark = newest.watermark;
      const { lag, epoch } = await readLag(jsm, settings, { watermark: newest.watermark, known });
      known = epoch;
      progress.lag = lag;
      progress.epoch = epoch.record?.epoch ?? 0;
      if (takeover.look(performance.now(), { lastSeq: newest.lastSeq, lag })) {
        logger.info({ lag }, 'the ledger stands still while AUDIT is ahead: taking over');
        return;
      }
    } catch (error) {
      if (error instanceof ConsumerError && options.isFatal(error)) throw error;
      logger.debug({ err: error }, 'standby could not look at the ledger');
      takeover.lookFailed();
    }
    await pause(takeover.pauseMs, stop);
  }
}
