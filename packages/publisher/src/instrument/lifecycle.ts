/**
 * The `instrument/` room: events from the service's own code. It wraps functions, requests and channels, and emits what
 * happens there to any sink. Queues and connections never come in here, and an event never changes the result of the
 * service's code.
 *
 * This file follows work from its start to its end: `run.started`, then `run.finished` or `run.failed`, with one run
 * id. Without `failClosed`, only an unknown option keeps the body from running. Nothing that happens to an event after
 * the body has run changes its result or its error. `failClosed: true` means one thing everywhere: the start has to be
 * stored (and signed, if there is a signer), or the call rejects and the body does not run.
 */
import { randomUUID } from 'node:crypto';
import { type EventAttributes, type EventDraft, runFailed, runFinished, runStarted } from '@waybill/schema';
import type { KnownOptions } from '@waybill/schema/internal';
import { checkOptions } from '../check-options.ts';
import { elapsedMs } from '../duration.ts';
import { hasTooManyMembers } from '../event/copy.ts';
import type { Sink } from '../sink.ts';
import { settle } from './completion.ts';
import { getDefaultPublisher } from './default-publisher.ts';
import type { Ends } from './ends.ts';
import { describe, type ErrorDescription, nameAndCode } from './error-description.ts';
import { emitMade, quietly } from './quiet-emit.ts';

export type { ErrorDescription } from './error-description.ts';

export interface LifecycleOptions extends Omit<EventAttributes, 'outcome'> {
  /** What runs, e.g. `nightly-export`. */
  readonly name: string;
  /** Where the events go. Default: `getDefaultPublisher()`. */
  readonly audit?: Pick<Sink, 'emit' | 'confirm'> | undefined;
  /** Run the body only when its start is stored. The call then always returns a promise. */
  readonly failClosed?: boolean;
  /** With `failClosed`: how long to wait for that, in milliseconds. Default: 5,000. */
  readonly timeoutMs?: number;
  /** What `run.failed` says of an error. Default: its name and code, because messages may contain secrets. */
  readonly describeError?: (error: unknown) => ErrorDescription;
}

const OPTIONS: KnownOptions<LifecycleOptions> = {
  name: true,
  audit: true,
  failClosed: true,
  timeoutMs: true,
  describeError: true,
  subject: true,
  orgid: true,
  claimedorg: true,
  actortype: true,
  actorid: true,
  actorname: true,
  actoremail: true,
  traceparent: true,
  runid: true,
  decisionid: true,
};

type FailClosed = LifecycleOptions & { readonly failClosed: true };

/**
 * Runs `fn` once, as one run. Its result is returned as it is: a value at once, a promise as a promise. The caller
 * starts a thenable, a generator, an async iterator or a stream, and the run ends when that has ended.
 *
 * @throws PublisherError INVALID_OPTIONS for an unknown option, and other codes only with `failClosed`, before `fn`
 *   runs; otherwise what `fn` throws
 */
export function lifecycle<T>(options: FailClosed, fn: (runid: string) => T): Promise<Awaited<T>>;
export function lifecycle<T>(options: LifecycleOptions, fn: (runid: string) => T): T;
export function lifecycle(options: LifecycleOptions, fn: (runid: string) => unknown): unknown {
  checkOptions('lifecycle', options, OPTIONS);
  return runAs(options, fn);
}

function runAs(options: LifecycleOptions, fn: (runid: string) => unknown): unknown {
  const run = createRun(options);
  if (options.failClosed === true) return runConfirmed(run, fn);
  run.started();
  return settle(() => fn(run.id), run);
}

/**
 * Makes a function of which every call is one run.
 *
 *     const exportAll = audited({ audit, name: 'export', orgid: 'acme' })(async (day: string) => { … });
 *
 * `this`, the arguments, the name and the number of parameters stay those of the function.
 *
 * @throws PublisherError INVALID_OPTIONS for an unknown option: a misspelt `failClosed` would fail open
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
  checkOptions('audited', options, OPTIONS);
  return <This, Args extends unknown[], T>(fn: (this: This, ...args: Args) => T) => {
    function run(this: This, ...args: Args): T {
      return runAs(options, () => fn.apply(this, args)) as T;
    }
    return Object.defineProperties(run, {
      name: { value: fn.name, configurable: true },
      length: { value: fn.length, configurable: true },
    });
  };
}

/**
 * Runs `fn`, and then emits one event. It reads the event's fields then, and adds `outcome` and the data member
 * `duration_ms`. When `fn` throws, the outcome is `failure` whatever the fields say. `transferred_bytes` is emitted
 * with a failure only; as a getter it tells what was moved by then:
 *
 *     const fields = { orgid, digest, size_bytes, get transferred_bytes() { return sent; } };
 *     await timed(artifactDownloaded(fields), () => pipeline(blob, counter, response), audit);
 *
 * @throws only what `fn` throws
 */
export function timed<T>(event: EventDraft, fn: () => T, audit?: Pick<Sink, 'emit'>): T {
  const startMs = performance.now();
  const ended = (outcome: 'success' | 'failure'): void =>
    quietly(() => {
      const duration_ms = elapsedMs(startMs);
      emitMade(audit ?? getDefaultPublisher(), () => {
        const given = event.fields as object;
        // Fields that are too large for an event are not copied. The publisher refuses them.
        const fields = hasTooManyMembers(given) ? given : timedFields(given, { outcome, duration_ms });
        return { type: event.type, fields };
      });
    });
  return settle(fn, { finished: () => ended('success'), failed: () => ended('failure') });
}

interface TimedEnd {
  readonly outcome: 'success' | 'failure';
  readonly duration_ms: number;
}

/**
 * The only place that tells how timed work ended. The event's own outcome counts, unless the work failed. Moved bytes
 * are told of failures only.
 */
function timedFields(fields: object, { outcome, duration_ms }: TimedEnd): object {
  const { transferred_bytes, ...given } = fields as Record<string, unknown>;
  const ended: Record<string, unknown> = { outcome, ...given, duration_ms };
  if (outcome === 'failure') ended['outcome'] = outcome;
  const isFailure = ended['outcome'] === 'failure';
  return isFailure && transferred_bytes !== undefined ? { ...ended, transferred_bytes } : ended;
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
      quietly(() => audit.emit(runFinished({ ...shared, outcome: 'success', duration_ms: elapsedMs(startMs) }))),
    failed: (error) =>
      quietly(() => {
        const duration_ms = elapsedMs(startMs);
        const description = describe(error, describeError ?? nameAndCode);
        audit.emit(runFailed({ ...shared, outcome: 'failure', duration_ms, ...description }));
      }),
  };
}

async function runConfirmed<T>(run: Run, fn: (runid: string) => T): Promise<Awaited<T>> {
  await run.confirmStarted();
  return await settle(() => fn(run.id), run);
}
