/** What each metering engine answers, in the words of this room. */
import type { JsonObject } from '@waybill/schema/internal';
import type { EngineHttp } from './engine-http.ts';
import type { PushValue } from './push-value.ts';

export const ENGINES = ['openmeter', 'lago', 'stripe'] as const;
export type EngineName = (typeof ENGINES)[number];

export interface EngineOptions {
  readonly http: EngineHttp;
  /** Milliseconds since the epoch: the engines have limits of age. */
  readonly now: () => number;
}

/** A value that the engine may get. */
export interface Candidate {
  readonly value: PushValue;
  /** It was sent with this journal, and nobody knows what became of it. */
  readonly isUnsettled: boolean;
}

/**
 * What an engine has of a value before it is sent: nothing, this value, or something else (which is said in words).
 * `unknowable`: the engine cannot tell any more.
 */
export type Held =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'same' }
  | { readonly kind: 'other'; readonly what: string }
  | { readonly kind: 'unknowable'; readonly why: string };

/**
 * What became of a value that was sent. `there`: the engine had it already, and counts it once. `unknown`: no answer
 * came, and it may be there.
 */
export type Outcome =
  | { readonly kind: 'accepted' | 'there' }
  | { readonly kind: 'refused' | 'unknown'; readonly why: string };

export interface Engine {
  /** At most so many values are in one `send`. */
  readonly batch: number;
  /** What is sent for a value, for people: a dry run prints it. */
  body(value: PushValue): JsonObject;
  /** The rule of the engine that the value breaks; null: it may be sent. */
  fault(value: PushValue): string | null;
  /**
   * Reads what has to be known before anything is sent.
   *
   * @param names of the meters
   * @throws ConsumerError ENGINE_REFUSED, ENGINE_UNREACHABLE
   */
  prepare(names: readonly string[]): Promise<void>;
  /**
   * What the engine has of values of one customer, in their order.
   *
   * @throws ConsumerError ENGINE_REFUSED, ENGINE_UNREACHABLE
   */
  held(candidates: readonly Candidate[]): Promise<Held[]>;
  /**
   * @returns in their order
   * @throws ConsumerError ENGINE_UNREACHABLE when nobody knows what became of any of them; ENGINE_REFUSED for the key
   */
  send(values: readonly PushValue[]): Promise<Outcome[]>;
}

export const NOTHING: Held = { kind: 'nothing' };
export const SAME: Held = { kind: 'same' };
export const ACCEPTED: Outcome = { kind: 'accepted' };
