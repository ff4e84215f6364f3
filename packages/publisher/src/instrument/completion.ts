/**
 * When the work of a body is over: at once when it gives a value; else when its promise is settled, its iterator has
 * ended or its stream is closed.
 *
 * The caller gets what the body gave, and starts what is lazy. Nothing here calls a foreign `then`, reads from an
 * iterator or makes a stream flow: a query builder would run twice, and a stream would lose its first chunks.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { types } from 'node:util';
import type { Ends } from './ends.ts';
import { isAsyncIterable, watchIterable, watchIterator } from './iteration.ts';
import { isNodeStream, isWebStream, watchNodeStream, watchWebStream } from './stream-end.ts';
import { isThenable, watchThenable } from './thenable.ts';

/** Runs the body and reports its end; what it gives or throws is what the caller gets. */
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
  // The promise that this gives, not the one it was given: an unhandled rejection stays one.
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

/** One that `then` does not start. A subclass with a `then` of its own may be lazy. */
function isPlainPromise(value: unknown): value is Promise<unknown> {
  return types.isPromise(value) && value.then === Promise.prototype.then;
}

/** Reports the end of what the body gave. The object stays the same; its methods may be wrapped. */
function watch(value: unknown, ends: Ends): void {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return ends.finished();
  const here = endsHere(ends);
  try {
    if (watchObject(value, here)) return;
  } catch {
    // A frozen object, or a getter that throws: it cannot be followed, and counts as the result.
  }
  here.finished();
}

/** false: it is no work, but a value. */
function watchObject(value: object, ends: Ends): boolean {
  if (isThenable(value)) watchThenable(value, { finished: (result) => watch(result, ends), failed: ends.failed });
  else if (isNodeStream(value)) watchNodeStream(value, ends);
  else if (isWebStream(value)) watchWebStream(value, ends);
  else if (types.isGeneratorObject(value)) watchIterator(value, ends);
  else if (isAsyncIterable(value)) watchIterable(value, ends);
  else return false;
  return true;
}

/** Once, and in the decision and the span of the call: streams and iterators end wherever their reader is. */
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
