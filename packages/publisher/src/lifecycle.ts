/**
 * Work followed from its start to its end: `run.started`, then `run.finished` or `run.failed`, linked by one run id.
 *
 * The body comes first. Without `failClosed` nothing here can keep it from running, and with or without it nothing
 * that happens to an event after the body has run changes its result or its error. `failClosed: true` means one
 * thing everywhere: the start has to be stored (and, where there is a signer, signed), or the call rejects and the
 * body does not run.
 */
import { randomUUID } from 'node:crypto';
import { types } from 'node:util';
import { type EventAttributes, type EventDraft, runFailed, runFinished, runStarted } from '@waybill/schema';
import { hasTooManyMembers } from './copy.ts';
import { getDefaultPublisher } from './default-publisher.ts';
import type { Sink } from './sink.ts';

export interface LifecycleOptions extends Omit<EventAttributes, 'outcome'> {
  /** What runs, e.g. `nightly-export`. */
  readonly name: string;
  /** Where the events go. Default: `getDefaultPublisher()`. */
  readonly audit?: Pick<Sink, 'emit' | 'confirm'> | undefined;
  /** Do not run the body unless its start is stored. The call then always gives a promise. */
  readonly failClosed?: boolean;
  /** With `failClosed`: how long to wait for that. Default: 5,000. */
  readonly timeoutMs?: number;
  /** What `run.failed` says of an error. Default: its name and its code, since messages may have secrets in them. */
  readonly describeError?: (error: unknown) => ErrorDescription;
}

export interface ErrorDescription {
  readonly error_name?: string | undefined;
  readonly error_code?: string | undefined;
  readonly error_message?: string | undefined;
}

type FailClosed = LifecycleOptions & { readonly failClosed: true };

/**
 * Runs `fn` once, as one run. Its result is handed on as it is: a value at once, a promise as a promise. (Only real
 * promises are awaited. Another thenable counts as the result, since to look at it may be to start it.)
 *
 * @throws PublisherError only with `failClosed`, before `fn` runs; else what `fn` throws, and nothing else
 */
export function lifecycle<T>(options: FailClosed, fn: (runid: string) => T): Promise<Awaited<T>>;
export function lifecycle<T>(options: LifecycleOptions, fn: (runid: string) => T): T;
export function lifecycle(options: LifecycleOptions, fn: (runid: string) => unknown): unknown {
  const run = createRun(options);
  if (options.failClosed === true) return runConfirmed(run, fn);
  run.started();
  return settle(() => fn(run.id), run);
}

/**
 * Makes a function whose every call is one run.
 *
 *     const exportAll = audited({ audit, name: 'export', orgid: 'acme' })(async (day: string) => { … });
 *
 * `this`, the arguments, the name and the number of parameters are those of the function.
 */
export function audited(
  options: FailClosed,
): <This, Args extends unknown[], T>(
  fn: (this: This, ...args: Args) => T,
) => (this: This, ...args: Args) => Promise<Awaited<T>>;
export function audited(
  options: LifecycleOptions,
): <This, Args extends unknown[], T>(fn: (this: This, ...args: Args) => T) => (this: This, ...args: Args) => T;
export function audited(options: LifecycleOptions): unknown {
  return <This, Args extends unknown[], T>(fn: (this: This, ...args: Args) => T) => {
    function run(this: This, ...args: Args): T {
      return lifecycle(options, () => fn.apply(this, args));
    }
    return Object.defineProperties(run, {
      name: { value: fn.name, configurable: true },
      length: { value: fn.length, configurable: true },
    });
  };
}

/**
 * Runs `fn`, and then emits one event with `outcome` and the data member `duration_ms` added to its fields.
 *
 * @throws what `fn` throws, and nothing else
 */
export function timed<T>(event: EventDraft, fn: () => T, audit?: Pick<Sink, 'emit'>): T {
  const startMs = performance.now();
  const ended = (outcome: 'success' | 'failure'): void =>
    quietly(() => {
      const given = event.fields as object;
      // Of what has no room in an event nothing is copied: the publisher refuses it.
      const fields = hasTooManyMembers(given) ? given : { outcome, ...given, duration_ms: since(startMs) };
      (audit ?? getDefaultPublisher()).emit({ type: event.type, fields });
    });
  return settle(fn, { finished: () => ended('success'), failed: () => ended('failure') });
}

export interface Ends {
  finished(): void;
  failed(error: unknown): void;
}

interface Run extends Ends {
  readonly id: string;
  started(): void;
  confirmStarted(): Promise<unknown>;
}

function createRun(options: LifecycleOptions): Run {
  const { audit = getDefaultPublisher(), name, failClosed: _, timeoutMs, describeError, ...attributes } = options;
  const id = attributes.runid ?? randomUUID();
  const shared = { ...attributes, runid: id, name };
  let startMs = performance.now();
  return {
    id,
    started: () => quietly(() => audit.emit(runStarted(shared))),
    async confirmStarted() {
      await audit.confirm(runStarted(shared), timeoutMs === undefined ? {} : { timeoutMs });
      startMs = performance.now();
    },
    finished: () =>
      quietly(() => audit.emit(runFinished({ ...shared, outcome: 'success', duration_ms: since(startMs) }))),
    failed: (error) =>
      quietly(() => {
        const duration_ms = since(startMs);
        const description = describe(error, describeError ?? nameAndCode);
        audit.emit(runFailed({ ...shared, outcome: 'failure', duration_ms, ...description }));
      }),
  };
}

async function runConfirmed<T>(run: Run, fn: (runid: string) => T): Promise<Awaited<T>> {
  await run.confirmStarted();
  return await settle(() => fn(run.id), run);
}

/** Runs the body and reports its end; what it gives or throws is what the caller gets. */
export function settle<T>(fn: () => T, ends: Ends): T {
  let result: T;
  try {
    result = fn();
  } catch (error) {
    ends.failed(error);
    throw error;
  }
  if (!types.isPromise(result)) {
    ends.finished();
    return result;
  }
  // The promise that this gives, not the one it was given: an unhandled rejection stays one.
  return result.then(
    (value: unknown) => {
      ends.finished();
      return value;
    },
    (error: unknown) => {
      ends.failed(error);
      throw error;
    },
  ) as T;
}

/** Milliseconds, to the microsecond. */
export function since(startMs: number): number {
  return Math.max(0, Math.round((performance.now() - startMs) * 1000) / 1000);
}

/** A description that cannot be made must not cost the event. */
export function describe(error: unknown, by: (error: unknown) => ErrorDescription): ErrorDescription {
  try {
    const { error_name, error_code, error_message } = by(error);
    return {
      ...text('error_name', error_name),
      ...text('error_code', error_code),
      ...text('error_message', error_message),
    };
  } catch {
    return {};
  }
}

/** One that is too long is cut when the event is stamped. */
function text(member: keyof ErrorDescription, value: unknown): ErrorDescription {
  return typeof value === 'string' ? { [member]: value } : {};
}

export function nameAndCode(error: unknown): ErrorDescription {
  if (!(error instanceof Error)) return { error_name: error === null ? 'null' : typeof error };
  const { code } = error as { code?: unknown };
  return { error_name: error.name, ...(typeof code === 'string' && { error_code: code }) };
}

/** `emit` never throws, but a sink may be anybody's. */
export function quietly(call: () => void): void {
  try {
    call();
  } catch {
    // The body's result is not to be changed by what becomes of an event.
  }
}
