/**
 * What every event that is emitted inside a decision carries: the decision's id, and the traceparent of the span around
 * it.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { activeTraceparent, readTraceparent } from './traceparent.ts';

/** Attributes for events that do not set them. */
export interface EventContext {
  readonly decisionid: string;
}

const storage = new AsyncLocalStorage<EventContext>();

export function runInContext<T>(context: EventContext, fn: () => T): T {
  return storage.run(context, fn);
}

/**
 * Runs a function outside of every decision, request and span, as when this module was loaded.
 *
 * Sockets, timers and the service's hooks that they call run so, because they outlive the call that starts them.
 * Otherwise a publisher that is created inside a decision would put that decision's id on later events, and would keep
 * the caller's request in memory.
 */
export const outside: <T>(fn: () => T) => T = AsyncLocalStorage.snapshot();

/** @returns runs functions later in the decision that surrounds this call. Without a decision it just calls them. */
export function currentDecision(): <T>(fn: () => T) => T {
  const context = storage.getStore();
  return context ? (fn) => storage.run(context, fn) : (fn) => fn();
}

/** Adds the context's attributes to fields that do not set them. Never throws. @param fields are changed in place */
export function addContext(fields: Record<string, unknown>): void {
  const given = fields['traceparent'];
  if (given !== undefined) fields['traceparent'] = readTraceparent(given);
  const context = storage.getStore();
  if (!context) return;
  fields['decisionid'] ??= context.decisionid;
  fields['traceparent'] ??= activeTraceparent();
}
