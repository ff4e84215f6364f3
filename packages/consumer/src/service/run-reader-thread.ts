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

const RESTART_MS = { first: 1_000, most: 30_000 };
const METRICS_MS = 1_000;
/** An end of a service waits so long for its reader. */
const LEAVE_MS = 6_000;

export function runReaderThread({ config, logger }: { config: Config; logger: ConsumerLogger }): ReaderThread {
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
    const worker = new Worker(threadFile(import.meta.url, 'reader-thread'), threadOptions({ workerData }));
    thread = worker;
    worker.on('message', receive);
    worker.on('error', (error) => logger.error({ err: error }, 'the reader failed'));
    await new Promise((resolve) => worker.once('exit', resolve));
    thread = null;
  }

  async function runAlways(): Promise<void> {
    let restartMs = RESTART_MS.first;
    while (!stop.signal.aborted) {
      const began = performance.now();
      await runOnce();
      if (stop.signal.aborted) return;
      if (performance.now() - began > RESTART_MS.most) restartMs = RESTART_MS.first;
      logger.error({ restartMs }, 'the reader has ended: starting it again');
      await pause(restartMs, stop.signal);
      restartMs = Math.min(2 * restartMs, RESTART_MS.most);
    }
  }

  const running = runAlways();
  const close = async (): Promise<void> => {
    stop.abort();
    tell({ kind: 'stop' });
    const left = new AbortController();
    await Promise.race([running.finally(() => left.abort()), pause(LEAVE_MS, left.signal)]);
    await thread?.terminate();
    await running;
  };

  return {
    async metricsText() {
      const id = ++lastId;
      const { promise, resolve } = Promise.withResolvers<string>();
      asked.set(id, resolve);
      const timer = setTimeout(() => resolve(''), METRICS_MS);
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
