/**
 * The sink for code that gets no sink, such as libraries and decorators. It drops every event until the application
 * sets one.
 */
import type { Sink } from '../sink.ts';
import { nullSink } from '../sinks/null-sink.ts';

// One for the process, even when the package is installed twice.
const KEY = Symbol.for('@waybill/publisher default');
const place = globalThis as { [KEY]?: Sink };
const nothing = nullSink();

/** The sink that was set last, or one that drops everything. */
export function getDefaultPublisher(): Sink {
  return place[KEY] ?? nothing;
}

/** The previous sink stays its owner's, who closes it. @returns the previous sink */
export function setDefaultPublisher(sink: Sink | undefined): Sink | undefined {
  const before = place[KEY];
  if (sink) place[KEY] = sink;
  else delete place[KEY];
  return before;
}
