import type { PullConsumer } from './pull-consumer.ts';

const RETRY_MS = 250;

export type OnLost = (reason: string, cause?: unknown) => void;

export interface KeptConsumer {
  /** Whether there is a consumer just now. */
  readonly isRunning: boolean;
  /** The consumer has delivered a message: when it is lost, the next one starts at once. */
  noteDelivery(): void;
  resume(): void;
  stop(): void;
}

export interface KeepConsumerOptions {
  /** Awaited before each consumer starts. A rejection counts as a lost consumer. */
  readonly prepare: () => Promise<void>;
  readonly start: (onLost: OnLost) => PullConsumer;
  /** May call `stop`. */
  readonly onLost: OnLost;
}

/**
 * Keeps a consumer running: when it is lost, another one starts, after a pause if the lost one had delivered nothing.
 */
export function keepConsumer({ prepare, start, onLost }: KeepConsumerOptions): KeptConsumer {
  let consumer: PullConsumer | null = null;
  let retry: NodeJS.Timeout | undefined;
  let hasDelivered = false;
  let isStopped = false;

  function startNext(): void {
    prepare().then(
      () => {
        if (!isStopped) consumer = start(replace);
      },
      (error: unknown) => replace((error as Error).message, error),
    );
  }

  function replace(reason: string, cause?: unknown): void {
    consumer = null;
    if (isStopped) return;
    onLost(reason, cause);
    if (isStopped) return;
    retry = setTimeout(startNext, hasDelivered ? 0 : RETRY_MS);
    hasDelivered = false;
  }

  startNext();
  return {
    get isRunning() {
      return consumer !== null;
    },
    noteDelivery() {
      hasDelivered = true;
    },
    resume() {
      consumer?.resume();
    },
    stop() {
      isStopped = true;
      clearTimeout(retry);
      consumer?.stop();
    },
  };
}
