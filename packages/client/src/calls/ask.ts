/** Questions whose answer is one JSON value. */
import type { OperationName, Output } from '@waybill/schema/api';
import { ClientError } from '../error.ts';
import type { CallOptions } from '../options.ts';
import { createTimeLimit, orAborted } from '../time-limit.ts';
import type { Reply } from '../transport.ts';
import { createBackoff } from './backoff.ts';
import { attemptMs, type Call, callOf, type Context } from './context.ts';

/** @throws ClientError */
export async function ask<Name extends OperationName>(
  context: Context,
  { operation, input }: { readonly operation: Name; readonly input: Readonly<Record<string, string>> },
  options: CallOptions,
): Promise<Output<Name>> {
  const call = callOf(context, operation, options);
  const { text } = await askPatiently(call, input);
  return parseJson(text, operation) as Output<Name>;
}

/** The answer, after as many attempts as the call may take. */
async function askPatiently(call: Call, input: Readonly<Record<string, string>>): Promise<Reply> {
  const { operation, patience, signal } = call;
  const backoff = createBackoff(call, performance.now() + patience.timeoutMs);
  const whole = createTimeLimit(`answer to ${operation}, with all attempts,`, signal);
  whole.start(patience.timeoutMs);
  try {
    for (;;) {
      try {
        return await attempt(call, input, whole.signal);
      } catch (error) {
        await backoff.wait(error, whole.signal);
      }
    }
  } finally {
    whole.end();
  }
}

async function attempt(call: Call, input: Readonly<Record<string, string>>, outer: AbortSignal): Promise<Reply> {
  const { transport, operation } = call;
  const limit = createTimeLimit(`answer to ${operation}`, outer);
  limit.start(attemptMs(call, input));
  try {
    limit.signal.throwIfAborted();
    const question = { operation, input, form: 'application/json', signal: limit.signal } as const;
    return await orAborted(transport.ask(question), limit.signal);
  } finally {
    limit.end();
  }
}

/** @throws ClientError BAD_ANSWER for what is no object; of an object, members may lack */
export function parseJson(text: string, operation: OperationName): unknown {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Said below.
  }
  throw new ClientError('BAD_ANSWER', `the answer to ${operation} is no JSON object: it has ${text.length} characters`);
}
