/**
 * The W3C traceparent of a request or of the span that surrounds the caller.
 * https://www.w3.org/TR/trace-context/#traceparent-header
 */

/**
 * All copies of `@opentelemetry/api` 1.x in a process share a global under this symbol, and keep the span under that
 * key of the context. Reading the global needs no dependency. A test compares this with the package.
 */
const GLOBAL = Symbol.for('opentelemetry.js.api.1');
const SPAN = Symbol.for('OpenTelemetry Context Key SPAN');

interface Api {
  readonly context?: { active(): { getValue(key: symbol): unknown } };
}

interface Span {
  spanContext(): { readonly traceId: string; readonly spanId: string; readonly traceFlags: number };
}

/** Version, trace id, parent id, flags, and whatever a later version adds. */
const PATTERN = /^([0-9a-f]{2})-((?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/s;
const SAMPLED = 1;

/** Never throws. */
export function activeTraceparent(): string | undefined {
  try {
    const api = (globalThis as { [GLOBAL]?: Api })[GLOBAL];
    const span = api?.context?.active().getValue(SPAN) as Span | undefined;
    if (!span) return undefined;
    const { traceId, spanId, traceFlags } = span.spanContext();
    return readTraceparent(`00-${traceId}-${spanId}-${(traceFlags & 0xff).toString(16).padStart(2, '0')}`);
  } catch {
    // The event goes out without a traceparent.
    return undefined;
  }
}

/**
 * Reads a traceparent of any version as one of version 00 (§ Versioning of traceparent). Of a later version's flags
 * only `sampled` is kept. undefined: it is not valid, and is ignored.
 */
export function readTraceparent(text: unknown): string | undefined {
  if (typeof text !== 'string') return undefined;
  const [, version, ids, flags = '', more] = PATTERN.exec(text) ?? [];
  if (version === undefined || version === 'ff') return undefined;
  if (version === '00') return more === undefined ? text : undefined;
  return `00-${ids}-0${Number.parseInt(flags, 16) & SAMPLED}`;
}
