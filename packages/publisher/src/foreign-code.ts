/** Calls into the service's code: its logger, its hooks, its functions. Their failures are not ours to report. */
import { outside } from './context.ts';

/**
 * Calls code that may throw, or may be async and reject. The call runs outside of every decision and span, because the
 * code that emits at this moment often has nothing to do with it.
 */
export function guarded(call: () => unknown): void {
  try {
    defuse(outside(call));
  } catch {
    // There is no other place to report a logger or a hook that fails.
  }
}

/** A promise that is not awaited does not end the process when it rejects. */
export function defuse(value: unknown): void {
  if (value instanceof Promise) value.catch(() => {});
}
