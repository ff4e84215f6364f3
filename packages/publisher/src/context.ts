/**
 * What every event that is emitted inside a decision carries: its id, and the
 * traceparent of the span around it.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { activeTraceparent } from './traceparent.ts';

/** Attributes for events that do not have them themselves. */
export interface EventContext {
  readonly decisionid: string;
}

const storage = new AsyncLocalStorage<EventContext>();

export function runInContext<T>(context: EventContext, fn: () => T): T {
  return storage.run(context, fn);
}

/** Adds to fields, which are the caller's own, what they do not say themselves. Never throws. */
export function addContext(fields: Record<string, unknown>): void {
  const context = storage.getStore();
  if (!context) return;
  fields['decisionid'] ??= context.decisionid;
  if (fields['traceparent'] !== undefined) return;
  const traceparent = activeTraceparent();
  if (traceparent !== undefined) fields['traceparent'] = traceparent;
}
