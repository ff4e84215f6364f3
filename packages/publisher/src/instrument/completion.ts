/**
 * When the work of a function is over: at once if it returns a value; otherwise when its promise is settled, its
 * iterator has ended or its stream is closed.
 *
 * The caller gets what the function returned, and starts what is lazy. Nothing here calls a foreign `then`, reads from
 * an iterator or makes a stream flow: a query builder would run twice, and a stream would lose its first chunks.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { types } from 'node:util';
import type { Ends } from './ends.ts';
import { isAsyncIterable, watchIterable, watchIterator } from './iteration.ts';
import { isNodeStream, isWebStream, watchNodeStream, watchWebStream } from './stream-end.ts';
import { isThenable, watchThenable } from './thenable.ts';

/** Runs a function and reports its end. Returns or throws what the function does. */
export function settle<T>(fn: () => T, ends: Ends): T {
  let result: T;
  try {
    result = fn();
  } catch (error) {
    ends.failed(error);
    throw error;
  }
  if (!isPlainPromise(result)) {
    watch(result, ends);
    return result;
  }
  // The new promise, not the given one: an unhandled rejection stays unhandled.
  return result.then(
    (value: unknown) => {
      watch(value, ends);
      return value;
    },
    (error: unknown) => {
      ends.failed(error);
      throw error;
    },
  ) as T;
}

/** A promise whose `then` starts nothing. A subclass with a `then` of its own may be lazy. */
function isPlainPromise(value: unknown): value is Promise<unknown> {
  return types.isPromise(value) && value.then === Promise.prototype.then;
}

/** Reports the end of what the function returned. The object stays the same, but its methods may be wrapped. */
function watch(value: unknown, ends: Ends): void {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return ends.finished();
  const here = endsHere(ends);
  try {
    if (watchObject(value, here)) return;
  } catch {
    // A frozen object, or a getter that throws: it cannot be followed and counts as a value.
  }
  here.finished();
}

/** false: it is a value and not work. */
function watchObject(value: object, ends: Ends): boolean {
  if (isThenable(value)) watchThenable(value, { finished: (result) => watch(result, ends), failed: ends.failed });
  else if (isNodeStream(value)) watchNodeStream(value, ends);
  else if (isWebStream(value)) watchWebStream(value, ends);
  else if (types.isGeneratorObject(value)) watchIterator(value, ends);
  else if (isAsyncIterable(value)) watchIterable(value, ends);
  else return false;
  return true;
}

/** Reports once, and in the decision and span of this call: streams and iterators end where their reader is. */
function endsHere(ends: Ends): Ends {
  const inThisContext = AsyncLocalStorage.snapshot();
  let over = false;
  const once = (report: () => void): void => {
    if (over) return;
    over = true;
    inThisContext(report);
  };
  return { finished: () => once(ends.finished), failed: (error) => once(() => ends.failed(error)) };
}
