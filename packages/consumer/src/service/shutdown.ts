/** An orderly end, as long as the server takes part in it. */
import type { NatsConnection } from '@nats-io/nats-core';
import { pause } from '../pause.ts';

/** A healthy server answers a ping at once, also while its disk is slow. */
const SILENCE_MS = 5_000;
const PING_EVERY_MS = 500;

/**
 * Waits for work to end, however long it takes, while the server answers pings.
 *
 * @returns false when the server has not answered for 5 seconds: nobody should wait for the work any more
 */
export async function endedOrSilent(nc: NatsConnection, work: Promise<unknown>): Promise<boolean> {
  const ended = new AbortController();
  const end = (): void => ended.abort();
  work.then(end, end);
  let heard = performance.now();
  const hear = (): void => {
    heard = performance.now();
  };
  while (!ended.signal.aborted && performance.now() - heard < SILENCE_MS) {
    // A ping is rejected while there is no connection, and a frozen server does not answer it.
    nc.rtt().then(hear, () => undefined);
    await pause(PING_EVERY_MS, ended.signal);
  }
  return ended.signal.aborted;
}
