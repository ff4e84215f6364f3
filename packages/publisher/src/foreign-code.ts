/** Calls into the code of a service: its logger, its hooks, its functions. What goes wrong there stays there. */
import { outside } from './context.ts';

/**
 * Calls code that may throw, or be async and reject. The call runs outside of every decision and span: whoever emits at
 * the time has often nothing to do with the event that it is about.
 */
export function guarded(call: () => unknown): void {
  try {
    defuse(outside(call));
  } catch {
    // A logger or a hook that fails has no better place to be told of.
  }
}

/** A promise that nobody awaits must not end the process when it rejects. */
export function defuse(value: unknown): void {
  if (value instanceof Promise) value.catch(() => {});
}
