import type { Expectation, Problem } from './verdict.ts';

/**
 * The heads that a caller knows from elsewhere, by their `seq`. A head whose hash is missing, or is no text, is a head
 * that no entry has: it does not count as met.
 */
export class ExpectedHeads {
  readonly #bySeq: ReadonlyMap<number, readonly Expectation[]>;

  constructor(heads: readonly Expectation[]) {
    this.#bySeq = Map.groupBy(heads, ({ seq }) => seq);
  }

  /** Two heads of one entry that cannot both be true. They are a problem before the first line is read. */
  findContradiction(): Problem | null {
    for (const [seq, heads] of this.#bySeq) {
      const [one] = heads;
      const other = one && heads.find(({ hash }) => hash !== one.hash);
      if (one && other) return { seq, detail: `both ${one.hash} and ${other.hash} are expected` };
    }
    return null;
  }

  /** The hash that the entry is expected to have; null: none is. */
  hashAt(seq: number): string | null {
    return hashOf(this.#bySeq.get(seq)?.[0]);
  }

  /** The hash that an entry is expected to have and has not; null: there is none. */
  mismatch(seq: number, hash: string): string | null {
    return hashOf(this.#bySeq.get(seq)?.find((expected) => expected.hash !== hash));
  }

  seqs(): number[] {
    return [...this.#bySeq.keys()];
  }
}

function hashOf(head: Expectation | undefined): string | null {
  if (head === undefined) return null;
  const { hash }: { readonly hash: unknown } = head;
  return String(hash);
}
