/** Compares the cores of a bill with heads that the caller knows from elsewhere. */
import type { Expectation } from '../verify/verdict.ts';
import type { HashedCore, HashedCores } from './cut-check.ts';

export interface MatchedHeads {
  readonly fault: string | null;
  /** Heads of entries that the bill has. */
  readonly met: number;
  readonly unmet: number;
  /** The entry is a head that is held elsewhere. */
  isHeld(one: HashedCore | null | undefined): boolean;
}

export function matchHeads({ before, after }: HashedCores, expect: readonly Expectation[]): MatchedHeads {
  const known = new Map<number, string>();
  for (const one of [...before, ...after]) if (one) known.set(one.core.seq, one.hash);
  let fault: string | null = null;
  const held = new Map<number, string>();
  for (const { seq, hash } of expect) {
    const other = held.get(seq) ?? known.get(seq);
    if (other !== undefined && other !== hash) fault ??= `entry ${seq} is ${other}, ${hash} is expected`;
    held.set(seq, hash);
  }
  const met = [...held.keys()].filter((seq) => known.has(seq)).length;
  return { fault, met, unmet: held.size - met, isHeld: (one) => !!one && held.has(one.core.seq) };
}
