/**
 * The W3C traceparent of the span that surrounds the caller, when the application uses OpenTelemetry.
 *
 * `@opentelemetry/api` 1.x keeps its global under this symbol, for all its copies in a process, and the span under
 * that key of the context. Reading it there costs nothing where it is not installed; a test holds it to the package.
 * https://www.w3.org/TR/trace-context/#traceparent-header
 */
const GLOBAL = Symbol.for('opentelemetry.js.api.1');
const SPAN = Symbol.for('OpenTelemetry Context Key SPAN');

interface Api {
  readonly context?: { active(): { getValue(key: symbol): unknown } };
}

interface Span {
  spanContext(): { readonly traceId: string; readonly spanId: string; readonly traceFlags: number };
}

const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Never throws. */
export function activeTraceparent(): string | undefined {
  try {
    const api = (globalThis as { [GLOBAL]?: Api })[GLOBAL];
    const span = api?.context?.active().getValue(SPAN) as Span | undefined;
    if (!span) return undefined;
    const { traceId, spanId, traceFlags } = span.spanContext();
    const traceparent = `00-${traceId}-${spanId}-${(traceFlags & 0xff).toString(16).padStart(2, '0')}`;
    return isTraceparent(traceparent) ? traceparent : undefined;
  } catch {
    // Somebody else's code: without it an event has no traceparent, and that is all.
    return undefined;
  }
}

export function isTraceparent(text: unknown): text is string {
  return typeof text === 'string' && TRACEPARENT.test(text);
}
