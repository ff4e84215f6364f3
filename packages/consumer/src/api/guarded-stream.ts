import type { Access, Principal } from '../access/principal.ts';
import { ConsumerError } from '../errors.ts';
import type { StreamItem } from './reader.ts';

export interface GuardedStream {
  readonly items: AsyncIterable<readonly StreamItem[]>;
  readonly access: Access;
  readonly principal: Principal;
  /** How often the principal is checked. */
  readonly validityMs: number;
  /** Aborted when nobody reads any more. */
  readonly signal: AbortSignal;
  /** Called as soon as the principal is known to be no longer valid, also while nobody asks for the next items. */
  readonly onInvalid: (error: unknown) => void;
  /** Called when the stream has ended in whatever way. */
  readonly onEnd: () => void;
  /** Called after that, when the work for its items has ended too. */
  readonly release: () => void;
  readonly onItems: (items: readonly StreamItem[]) => void;
}

/**
 * The same items, for as long as the principal is valid and somebody reads. The next item may take for ever to come, so
 * the wait for it ends too.
 *
 * @throws ConsumerError UNAUTHENTICATED when the principal is no longer valid; whatever `isValid` throws
 */
export async function* guardedStream(stream: GuardedStream): AsyncGenerator<readonly StreamItem[]> {
  const { items, signal, onItems, onEnd, release } = stream;
  if (signal.aborted) {
    release();
    return;
  }
  const iterator = items[Symbol.asyncIterator]();
  const watch = watchValidity(stream);
  try {
    for (;;) {
      const next = iterator.next();
      // Whoever wins the race, nobody else handles it.
      next.catch(() => undefined);
      const result = await Promise.race([next, watch.ended]);
      if (result === null || result.done || signal.aborted) return;
      onItems(result.value);
      yield result.value;
    }
  } finally {
    watch.close();
    onEnd();
    // A generator that waits for its next item cannot return before it comes: nobody waits for that.
    void Promise.resolve(iterator.return?.()).then(release, release);
  }
}

interface ValidityWatch {
  /** Resolves with null when nobody reads any more; rejects when the principal is no longer valid. */
  readonly ended: Promise<null>;
  close(): void;
}

function watchValidity({ access, principal, validityMs, signal, onInvalid }: GuardedStream): ValidityWatch {
  const { promise: ended, resolve, reject } = Promise.withResolvers<null>();
  ended.catch(() => undefined);
  const look = async (): Promise<void> => {
    const isExpired = principal.expiresAt !== null && principal.expiresAt.getTime() <= Date.now();
    if (isExpired || !(await access.isValid(principal)))
      throw new ConsumerError('UNAUTHENTICATED', 'the token is no longer valid');
  };
  // Who cannot be checked is not let in either.
  const refuse = (error: unknown): void => {
    reject(error);
    onInvalid(error);
  };
  const timer = setInterval(() => void look().catch(refuse), validityMs);
  const onAbort = (): void => resolve(null);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  return {
    ended,
    close() {
      clearInterval(timer);
      signal.removeEventListener('abort', onAbort);
    },
  };
}
