/**
 * Decisions that people have to be able to follow: what went in, what came out, who reviewed it. Every event that is
 * emitted inside, by any code, carries the decision's id.
 */
import { randomUUID } from 'node:crypto';
import {
  decisionEnded,
  decisionRecorded,
  decisionReviewed,
  decisionStarted,
  type EventAttributes,
  type EventDraft,
} from '@waybill/schema';
import type { ActorType, KnownOptions } from '@waybill/schema/internal';
import { checkOptions } from '../check-options.ts';
import { runInContext } from '../context.ts';
import { elapsedMs } from '../duration.ts';
import { hasTooManyMembers } from '../event/copy.ts';
import type { Sink } from '../sink.ts';
import { settle } from './completion.ts';
import { getDefaultPublisher } from './default-publisher.ts';
import { describe, nameAndCode } from './error-description.ts';
import { emitMade, quietly } from './quiet-emit.ts';

export interface DecisionActor {
  readonly type?: ActorType;
  readonly id?: string;
  readonly name?: string;
  readonly email?: string;
}

export interface DecisionOptions {
  readonly orgid: string;
  /** Who decides: a service, a model's name, a person. */
  readonly actor?: DecisionActor;
  /** What is decided, e.g. `credit-limit`. */
  readonly name?: string;
  /** What it is about: a customer's id, a digest. */
  readonly subject?: string;
  /**
   * What the decision is based on. Nobody can change the trail: leave out what must not stay. Values that JSON does not
   * have become the nearest ones that it has: dates, maps, sets, big integers, errors, objects of classes.
   */
  readonly input?: Readonly<Record<string, unknown>>;
  /** Default: a random UUID. */
  readonly decisionid?: string;
  /** Where the events go. Default: `getDefaultPublisher()`. */
  readonly audit?: Pick<Sink, 'emit' | 'confirm'> | undefined;
  /** Run the body only when the decision's start is stored. The call then always returns a promise. */
  readonly failClosed?: boolean;
  /** With `failClosed`: how long to wait for that, in milliseconds. Default: 5,000. */
  readonly timeoutMs?: number;
}

const OPTIONS: KnownOptions<DecisionOptions> = {
  orgid: true,
  actor: true,
  name: true,
  subject: true,
  input: true,
  decisionid: true,
  audit: true,
  failClosed: true,
  timeoutMs: true,
};

export interface Oversight {
  /** Who reviewed it: an id or an address. */
  readonly reviewer: string;
  /** What the reviewer did, e.g. `approved`, `rejected`, `overridden`, `escalated`. */
  readonly action: string;
  readonly reason?: string;
}

export interface Decision {
  readonly id: string;
  /** Records a step's result, which is free-form as `input` is. Never throws. */
  record(name: string, value?: unknown): void;
  /** Records several results: one event for each member. Never throws. */
  record(values: Readonly<Record<string, unknown>>): void;
  /** Records a person's review. Never throws. */
  humanOversight(oversight: Oversight): void;
}

/**
 * Runs `fn` as one decision: `decision.started`, what it records, `decision.ended`. Its result is returned as
 * `lifecycle` does it.
 *
 * @throws PublisherError INVALID_OPTIONS for an unknown option, and other codes only with `failClosed`, before `fn`
 *   runs; otherwise what `fn` throws
 */
export interface RunDecision<Options> {
  <T>(options: Options & { readonly failClosed: true }, fn: (decision: Decision) => T): Promise<Awaited<T>>;
  <T>(options: Options, fn: (decision: Decision) => T): T;
}

export const decision: RunDecision<DecisionOptions> = runDecision as RunDecision<DecisionOptions>;

function runDecision(options: DecisionOptions, fn: (decision: Decision) => unknown): unknown {
  // A misspelt `failClosed` would fail open.
  checkOptions('decision', options, OPTIONS);
  const { audit = getDefaultPublisher(), decisionid = randomUUID(), timeoutMs } = options;
  const attributes = attributesOf(options, decisionid);
  const emit = (draft: () => EventDraft): void => emitMade(audit, draft);
  const recordOne = (name: string, value: unknown): void =>
    emit(() => decisionRecorded({ ...attributes, name, ...(value !== undefined && { value }) }));
  const record = (given: string | Readonly<Record<string, unknown>>, value?: unknown): void => {
    if (typeof given !== 'object' || given === null) return recordOne(given, value);
    quietly(() => {
      // Too many members for one event, and too many for one event each: the publisher refuses and counts one.
      if (hasTooManyMembers(given)) return recordOne('values', given);
      for (const [name, member] of Object.entries(given)) recordOne(name, member);
    });
  };
  const handle: Decision = {
    id: decisionid,
    record,
    humanOversight: (oversight) => emit(() => decisionReviewed({ ...attributes, ...oversight })),
  };
  const started = decisionStarted({
    ...attributes,
    ...(options.name !== undefined && { name: options.name }),
    ...(options.input !== undefined && { input: options.input }),
  });

  const run = (): unknown =>
    runInContext({ decisionid }, () => {
      const startMs = performance.now();
      const ended = (outcome: 'success' | 'failure', more: object): void =>
        emit(() => decisionEnded({ ...attributes, outcome, duration_ms: elapsedMs(startMs), ...more }));
      return settle(() => fn(handle), {
        finished: () => ended('success', {}),
        failed(error) {
          const { error_name } = describe(error, nameAndCode);
          ended('failure', { ...(error_name !== undefined && { error_name }) });
        },
      });
    });

  if (options.failClosed !== true) {
    runInContext({ decisionid }, () => emit(() => started));
    return run();
  }
  const confirmed = runInContext({ decisionid }, async () =>
    audit.confirm(started, timeoutMs === undefined ? {} : { timeoutMs }),
  );
  return confirmed.then(run);
}

function attributesOf({ orgid, subject, actor: given }: DecisionOptions, decisionid: string): EventAttributes {
  // It may be null. A wrong actor does not keep a decision from being made.
  const actor = given ?? {};
  return {
    orgid,
    decisionid,
    ...(subject !== undefined && { subject }),
    ...(actor.type !== undefined && { actortype: actor.type }),
    ...(actor.id !== undefined && { actorid: actor.id }),
    ...(actor.name !== undefined && { actorname: actor.name }),
    ...(actor.email !== undefined && { actoremail: actor.email }),
  };
}
