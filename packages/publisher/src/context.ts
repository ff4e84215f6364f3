/**
 * What every event that is emitted inside a decision carries: its id, and the
 * traceparent of the span around it.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { activeTraceparent, readTraceparent } from './traceparent.ts';

/** Attributes for events that do not have them themselves. */
export interface EventContext {
  readonly decisionid: string;
}

const storage = new AsyncLocalStorage<EventContext>();

export function runInContext<T>(context: EventContext, fn: () => T): T {
  return storage.run(context, fn);
}

/**
 * Runs a function outside of every decision, request and span: as it was when this module was loaded.
 *
 * Whatever outlives the call that starts it runs here: sockets, timers, and the service's hooks that they call. Else a
 * publisher that is created inside a decision would put its id on the events of all others, and keep the caller's
 * request in memory for as long as it lives.
 */
export const outside: <T>(fn: () => T) => T = AsyncLocalStorage.snapshot();

/** Runs functions in the decision that surrounds this call, whoever calls them later; outside of one, as they are called. */
export function currentDecision(): <T>(fn: () => T) => T {
  const context = storage.getStore();
  return context ? (fn) => storage.run(context, fn) : (fn) => fn();
}

/** Completes fields, which are the caller's own, with what they do not say themselves. Never throws. */
export function addContext(fields: Record<string, unknown>): void {
  const given = fields['traceparent'];
  if (given !== undefined) fields['traceparent'] = readTraceparent(given);
  const context = storage.getStore();
  if (!context) return;
  fields['decisionid'] ??= context.decisionid;
  fields['traceparent'] ??= activeTraceparent();
}
