import type { Outcome } from './engine.ts';
import type { PushValue } from './push-value.ts';

/**
 * Sends a batch. An engine that refuses a batch as a whole does not always say which value is wrong: then each half is
 * sent by itself, until the wrong ones are alone.
 *
 * @param send returns the outcomes, or why the batch was refused as a whole; nothing of it was stored
 */
export async function sendInParts(
  values: readonly PushValue[],
  send: (some: readonly PushValue[]) => Promise<Outcome[] | string>,
): Promise<Outcome[]> {
  const outcome = await send(values);
  if (typeof outcome !== 'string') return outcome;
  if (values.length === 1) return [{ kind: 'refused', why: outcome }];
  const half = Math.ceil(values.length / 2);
  const first = await sendInParts(values.slice(0, half), send);
  return [...first, ...(await sendInParts(values.slice(half), send))];
}
