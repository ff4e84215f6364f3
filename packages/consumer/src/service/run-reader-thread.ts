/** Runs the thread that answers beside a writer, and starts it again when it ends by itself. */
import { Worker } from 'node:worker_threads';
import { ConsumerError, type ConsumerErrorCode } from '../errors.ts';
import type { ConsumerLogger } from '../logger.ts';
import { pause } from '../pause.ts';
import { threadFile, threadOptions } from '../thread.ts';
import type { Config } from '../config/config.ts';

export type FromThread =
  | { readonly kind: 'log'; readonly level: keyof ConsumerLogger; readonly fields: object; readonly message: string }
  | { readonly kind: 'metrics'; readonly id: number; readonly text: string }
  | { readonly kind: 'failed'; readonly code: ConsumerErrorCode | null; readonly message: string };

export type ToThread = { readonly kind: 'stop' } | { readonly kind: 'metrics'; readonly id: number };

export interface ReaderThread extends AsyncDisposable {
  /** What the thread adds to `/metrics`; nothing when it does not answer at once. */
  metricsText(): Promise<string>;
  /** Rejects when starting it again would not help (BAD_CONFIG); never resolves. */
  readonly failed: Promise<never>;
  close(): Promise<void>;
}

export interface ReaderThreadOptions {
  readonly config: Config;
  readonly logger: ConsumerLogger;
  /** Main file of the thread, for tests. Default: reader-thread. */
  readonly file?: URL;
  readonly limits?: Partial<typeof LIMITS>;
}

const LIMITS = {
  /** Before it is started again; twice as long each time. */
  firstRestartMs: 1_000,
  maxRestartMs: 30_000,
  /** How long `/metrics` waits for it. */
  metricsMs: 1_000,
  /** How long the end of the service waits for it. */
  leaveMs: 6_000,
};

export function runReaderThread({ config, logger, ...options }: ReaderThreadOptions): ReaderThread {
  const { file = threadFile(import.meta.url, 'reader-thread') } = options;
  const limits = { ...LIMITS, ...options.limits };
  const stop = new AbortController();
  const { promise: failed, reject } = Promise.withResolvers<never>();
  failed.catch(() => undefined); // The caller races it.
  let thread: Worker | null = null;
  let lastId = 0;
  const asked = new Map<number, (text: string) => void>();
  const tell = (message: ToThread): void => thread?.postMessage(message);

  function receive(message: FromThread): void {
    if (message.kind === 'log') logger[message.level](message.fields, message.message);
    else if (message.kind === 'metrics') asked.get(message.id)?.(message.text);
    else if (message.code === 'BAD_CONFIG') reject(new ConsumerError(message.code, message.message));
    else logger.error({ code: message.code }, `the reader failed: ${message.message}`);
  }

  async function runOnce(): Promise<void> {
    const workerData: Config = config;
    const worker = new Worker(file, threadOptions({ workerData }));
    thread = worker;
    worker.on('message', receive);
    worker.on('error', (error) => logger.error({ err: error }, 'the reader failed'));
    await new Promise((resolve) => worker.once('exit', resolve));
    thread = null;
  }

  async function runAlways(): Promise<void> {
    let restartMs = limits.firstRestartMs;
    while (!stop.signal.aborted) {
      const began = performance.now();
      await runOnce();
      if (stop.signal.aborted) return;
      if (performance.now() - began > limits.maxRestartMs) restartMs = limits.firstRestartMs;
      logger.error({ restartMs }, 'the reader has ended: starting it again');
      await pause(restartMs, stop.signal);
      restartMs = Math.min(2 * restartMs, limits.maxRestartMs);
    }
  }

  const running = runAlways();
  const close = async (): Promise<void> => {
    stop.abort();
    tell({ kind: 'stop' });
    const left = new AbortController();
    await Promise.race([running.finally(() => left.abort()), pause(limits.leaveMs, left.signal)]);
    await thread?.terminate();
    await running;
  };

  return {
    async metricsText() {
      const id = ++lastId;
      const { promise, resolve } = Promise.withResolvers<string>();
      asked.set(id, resolve);
      const timer = setTimeout(() => resolve(''), limits.metricsMs);
      tell({ kind: 'metrics', id });
      const text = await promise;
      clearTimeout(timer);
      asked.delete(id);
      return text;
    },
    failed,
    close,
    [Symbol.asyncDispose]: close,
  };
}
