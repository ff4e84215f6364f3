import type { KnownOptions } from '@waybill/schema';
import { checkOptions } from '../check-options.ts';
import { outside } from '../context.ts';
import { PublisherError } from '../error.ts';
import { CONSOLE_LOGGER, type PublisherLogger } from '../logger.ts';
import type { PublisherOptions } from '../options.ts';
import { createPublisher } from '../publisher/publisher.ts';
import type { Sink } from '../sink.ts';
import { fileSink, type FileSinkOptions } from './file-sink.ts';
import { memorySink, type MemorySinkOptions } from './memory-sink.ts';
import { nullSink } from './null-sink.ts';
import { teeSink } from './tee-sink.ts';

/** Where events go, as a configuration says it. */
export type SinkConfig =
  | ({ readonly kind: 'nats' } & PublisherOptions)
  | ({ readonly kind: 'file' } & FileSinkOptions)
  | ({ readonly kind: 'memory' } & MemorySinkOptions)
  | { readonly kind: 'null' }
  | { readonly kind: 'tee'; readonly sinks: readonly [SinkConfig, ...SinkConfig[]] };

export interface CreateSinkOptions {
  /** Throw instead of falling back. */
  readonly strict?: boolean;
  /** Default: warnings go to the console. */
  readonly logger?: PublisherLogger;
}

const OPTIONS: KnownOptions<CreateSinkOptions> = {
  strict: true,
  logger: true,
};
const NULL_OPTIONS: KnownOptions<Extract<SinkConfig, { kind: 'null' }>> = { kind: true };
const TEE_OPTIONS: KnownOptions<Extract<SinkConfig, { kind: 'tee' }>> = { kind: true, sinks: true };

/**
 * Makes the sink of a configuration. One that cannot work gives the null sink and one line in the log, so that a
 * service starts whatever was configured; of a tee, only the part that cannot work.
 *
 * @throws PublisherError INVALID_OPTIONS, only with `strict`, or for a name in `options` that is no option
 */
export function createSink(config: SinkConfig, options: CreateSinkOptions = {}): Sink {
  checkOptions('createSink', options, OPTIONS);
  const { strict = false, logger } = options;
  return orNullSink(() => make(config, { strict, ...(logger && { logger }) }), { strict, ...(logger && { logger }) });
}

/** What it makes, or when that throws, the null sink and one line in the log. */
export function orNullSink(makeSink: () => Sink, { strict = false, logger }: CreateSinkOptions): Sink {
  try {
    return makeSink();
  } catch (error) {
    if (strict) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    warn(logger ?? CONSOLE_LOGGER, { reason }, 'the sink of events is configured wrongly: events are dropped');
    return nullSink();
  }
}

function make(config: SinkConfig, options: CreateSinkOptions): Sink {
  const { kind, ...rest } = { ...config } as { readonly kind?: unknown };
  switch (kind) {
    case 'nats':
      return createPublisher(rest as PublisherOptions);
    case 'file':
      return fileSink(rest as FileSinkOptions);
    case 'memory':
      return memorySink(rest);
    case 'null':
      checkOptions('createSink', config, NULL_OPTIONS);
      return nullSink();
    case 'tee':
      checkOptions('createSink', config, TEE_OPTIONS);
      return makeTee((config as { readonly sinks?: unknown }).sinks, options);
    default:
      throw new PublisherError(
        'INVALID_OPTIONS',
        `createSink: kind is ${String(kind)}, expected nats, file, memory, null or tee`,
      );
  }
}

function makeTee(configs: unknown, options: CreateSinkOptions): Sink {
  if (!Array.isArray(configs) || configs.length === 0) {
    throw new PublisherError('INVALID_OPTIONS', 'createSink: sinks of a tee: expected one or more');
  }
  const sinks: Sink[] = [];
  try {
    for (const config of configs) sinks.push(createSink(config as SinkConfig, options));
  } catch (error) {
    for (const sink of sinks) sink.close({ timeoutMs: 1 }).catch(() => {});
    throw error;
  }
  const [first, ...others] = sinks;
  return teeSink(first as Sink, ...others);
}

function warn(logger: PublisherLogger, fields: object, message: string): void {
  try {
    outside(() => logger.warn(fields, message));
  } catch {
    // A logger that fails has no better place to be told of.
  }
}
