import type { Candidate, Outcome } from './engine.ts';

/**
 * Sends a batch. An engine that refuses a batch as a whole does not always say which value is wrong: then each half is
 * sent by itself, until the wrong ones are alone.
 *
 * @param send returns the outcomes, or why the batch was refused as a whole; nothing of it was stored
 */
export async function sendInParts(
  candidates: readonly Candidate[],
  send: (some: readonly Candidate[]) => Promise<Outcome[] | string>,
): Promise<Outcome[]> {
  const outcome = await send(candidates);
  if (typeof outcome !== 'string') return outcome;
  if (candidates.length === 1) return [{ kind: 'refused', why: outcome }];
  const half = Math.ceil(candidates.length / 2);
  const first = await sendInParts(candidates.slice(0, half), send);
  return [...first, ...(await sendInParts(candidates.slice(half), send))];
}
