import { setTimeout as pause } from 'node:timers/promises';
import { WAIT_MS } from './time.ts';

/**
 * Resolves with the first result of `condition` that is neither false nor null nor undefined.
 * Rejects after `limitMs` with what it waited for, and at once with what `condition` throws.
 *
 * For an assertion use `await expect.poll(() => value).toBe(…)`, which has the same limit and shows what it found.
 */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  limitMs = WAIT_MS,
): Promise<Exclude<T, false | null | undefined>> {
  const deadline = performance.now() + limitMs;
  for (let pauseMs = 2; ; pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS)) {
    const result = await condition();
    if (result !== false && result !== null && result !== undefined)
      return result as Exclude<T, false | null | undefined>;
    if (performance.now() > deadline) throw new Error(`waited ${limitMs} ms for ${what}`);
    await pause(pauseMs);
  }
}

/** A condition that asks a server costs both of them something. */
const MAX_PAUSE_MS = 50;
