/** The sink of code that is given none: libraries, decorators. It takes nothing until the application sets one. */
import type { Sink } from '../sink.ts';
import { nullSink } from '../sinks/null-sink.ts';

// One for the process, also when the package is installed twice.
const KEY = Symbol.for('@waybill/publisher default');
const place = globalThis as { [KEY]?: Sink };
const nothing = nullSink();

/** The sink that was set last, or one that drops everything. */
export function getDefaultPublisher(): Sink {
  return place[KEY] ?? nothing;
}

/** Who had the old one still owns it, and closes it. @returns the one that was set before */
export function setDefaultPublisher(sink: Sink | undefined): Sink | undefined {
  const before = place[KEY];
  if (sink) place[KEY] = sink;
  else delete place[KEY];
  return before;
}
