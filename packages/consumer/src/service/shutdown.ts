/** Ending in order, as long as the server takes part in it. */
import type { NatsConnection } from '@nats-io/nats-core';
import { setTimeout as pause } from 'node:timers/promises';

/** A server that works answers a ping at once, also while its disk is slow. */
const SILENCE_MS = 5_000;
const PING_EVERY_MS = 500;

/**
 * Waits for work to end, however long that takes a server that answers.
 *
 * @returns false when the server has not answered for 5 seconds: then nobody should wait for the work any more
 */
export async function endedOrSilent(nc: NatsConnection, work: Promise<unknown>): Promise<boolean> {
  const over = new AbortController();
  const ended = work.then(
    () => over.abort(),
    () => over.abort(),
  );
  let heard = performance.now();
  const hear = (): void => {
    heard = performance.now();
  };
  while (!over.signal.aborted && performance.now() - heard < SILENCE_MS) {
    // Rejected while there is no connection; unanswered by a server that is frozen.
    nc.rtt().then(hear, () => undefined);
    await Promise.race([ended, pause(PING_EVERY_MS, undefined, { signal: over.signal }).catch(() => undefined)]);
  }
  return over.signal.aborted;
}
