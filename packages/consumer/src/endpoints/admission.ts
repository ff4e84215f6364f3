import { ConsumerError } from '../errors.ts';

/** How many questions are answered at once. More are refused: one asker must not take what all need. */
export interface Admission {
  /** @returns to be called when it is answered @throws ConsumerError BUSY */
  admit(orgid: string): () => void;
}

const RETRY_MS = 1_000;

export function createAdmission({ all, ofOne }: { readonly all: number; readonly ofOne: number }): Admission {
  const open = new Map<string, number>();
  let count = 0;
  return {
    admit(orgid) {
      const own = open.get(orgid) ?? 0;
      if (count >= all) throw tooMany(all);
      if (own >= ofOne) throw tooMany(ofOne);
      count++;
      open.set(orgid, own + 1);
      return () => {
        count--;
        const left = (open.get(orgid) ?? 1) - 1;
        if (left > 0) open.set(orgid, left);
        else open.delete(orgid);
      };
    },
  };
}

function tooMany(most: number): ConsumerError {
  const what = `${most} questions are being answered already: ask again`;
  return new ConsumerError('BUSY', what, { retryAfterMs: RETRY_MS });
}
