/** What `fileSink` may be told, checked: options come from configurations, and may be anything. */
import { isSource, type KnownOptions } from '@waybill/schema/internal';
import { badKind, checkKinds, checkLogger, checkOptions } from '../check-options.ts';
import { createClock } from '../clock.ts';
import type { Drop } from '../drop.ts';
import { checkPeriod } from '../duration.ts';
import { PublisherError } from '../error.ts';
import type { StamperOptions } from '../event/sink-stamper.ts';
import { CONSOLE_LOGGER, type PublisherLogger } from '../logger.ts';

export interface FileSinkOptions extends StamperOptions {
  /**
   * Where the chains are: `<orgid>.ndjson`, mode 0600, a capital `A` as `!a`. Created when missing. One process at a
   * time writes there; a second one waits, with its events in memory.
   */
  readonly directory: string;
  /** Events that may wait to be written; Infinity: no bound. Default: 16,384. */
  readonly maxQueueEvents?: number;
  /** Waits after a failed write are random, below a bound that doubles from 50 to here. Default: 5,000. */
  readonly backoffMaxMs?: number;
  /** Default: warnings go to the console. */
  readonly logger?: PublisherLogger;
  /** Called for each event that was not valid, for which there was no room, or that could not be written. */
  readonly onDrop?: (drop: Drop) => void;
}

export const FILE_SINK_OPTIONS: KnownOptions<FileSinkOptions> = {
  source: true,
  events: true,
  allowTypes: true,
  signer: true,
  clock: true,
  directory: true,
  maxQueueEvents: true,
  backoffMaxMs: true,
  logger: true,
  onDrop: true,
};

const DEFAULTS = { maxQueueEvents: 16_384, backoffMaxMs: 5_000, logger: CONSOLE_LOGGER } as const;

export type FileSinkSettings = FileSinkOptions &
  Required<Pick<FileSinkOptions, keyof typeof DEFAULTS>> & {
    /** Unix milliseconds, whole and in range. */
    now(): number;
  };

/** @throws PublisherError INVALID_OPTIONS */
export function readFileSinkOptions(options: FileSinkOptions): FileSinkSettings {
  checkOptions('fileSink', options, FILE_SINK_OPTIONS);
  checkKinds('fileSink', options, { onDrop: 'function', clock: 'function' });
  checkLogger('fileSink', options.logger);
  const { directory, source } = options;
  const { maxQueueEvents = DEFAULTS.maxQueueEvents, backoffMaxMs = DEFAULTS.backoffMaxMs } = options;
  if (!isSource(source)) {
    throw badFileSink(
      `source is ${String(source)}, expected a URI-reference of the emitting service, such as //cas.example`,
    );
  }
  if (typeof directory !== 'string') throw badKind('fileSink', 'directory', directory, 'the path of a folder');
  if (directory === '') throw badFileSink('directory is "", expected the path of a folder');
  if (!(typeof maxQueueEvents === 'number' && maxQueueEvents > 0))
    throw badFileSink(`maxQueueEvents is ${String(maxQueueEvents)}`);
  checkPeriod('fileSink: backoffMaxMs', backoffMaxMs);
  const now = createClock(options.clock ?? Date.now);
  return { ...options, maxQueueEvents, backoffMaxMs, logger: options.logger ?? DEFAULTS.logger, now };
}

export function badFileSink(detail: string, cause?: unknown): PublisherError {
  return new PublisherError('INVALID_OPTIONS', `fileSink: ${detail}`, cause === undefined ? {} : { cause });
}
