/**
 * The `calls/` room: what a caller sees of a question, whatever transport carries it: whole answers, pages and sequences
 * as iterables, retries, limits of time. It knows neither `fetch` nor NATS.
 *
 * This file says what every call has.
 */
import type { OperationName } from '@waybill/schema/routes';
import { type CallOptions, patienceOf, type Patience, type WholePatience } from '../options.ts';
import type { Transport } from '../transport.ts';

export interface Context {
  readonly transport: Transport;
  /** Of the client; a call's own come before them. */
  readonly patience: Patience;
}

export interface Call {
  readonly transport: Transport;
  readonly operation: OperationName;
  readonly patience: WholePatience;
  readonly signal: AbortSignal | undefined;
}

export function callOf({ transport, patience }: Context, operation: OperationName, options: CallOptions): Call {
  return { transport, operation, patience: patienceOf(options, patience), signal: options.signal };
}

const ATTEMPT_MS = 15_000;
/** A bill reads a whole chain. */
const BILL_ATTEMPT_MS = 90_000;

/** How long one attempt may take, with the seconds that the question itself wants to wait. */
export function attemptMs({ operation, patience }: Call, input: Readonly<Record<string, string>>): number {
  const own = operation.startsWith('bills.') ? BILL_ATTEMPT_MS : ATTEMPT_MS;
  const wait = Number(input['wait'] ?? 0) * 1000;
  return (patience.attemptTimeoutMs ?? own) + (Number.isFinite(wait) ? wait : 0);
}
