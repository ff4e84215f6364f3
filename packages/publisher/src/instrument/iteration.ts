/** Follows generators, async iterators and objects that make them: their code runs while somebody reads them. */
import { currentDecision } from '../context.ts';
import type { Ends } from './ends.ts';

type Step = (...args: never[]) => unknown;

interface Steps {
  next?: Step;
  return?: Step;
  throw?: Step;
}

interface Iterable {
  [Symbol.asyncIterator]: () => Steps;
}

export function isAsyncIterable(value: object): value is Iterable {
  return typeof (value as Partial<Iterable>)[Symbol.asyncIterator] === 'function';
}

/** @throws TypeError when it cannot be changed */
export function watchIterable(iterable: Iterable, ends: Ends): void {
  const iterator = iterable[Symbol.asyncIterator];
  const inBody = currentDecision();
  // Some are iterators themselves, and are read with `next`.
  watchSteps(iterable as Steps, ends);
  replace(iterable, Symbol.asyncIterator, function (this: Iterable) {
    const made = inBody(() => Reflect.apply<Iterable, [], Steps>(iterator, this, []));
    if (made === this) addReturn(made, ends);
    else inBody(() => watchIterator(made, ends));
    return made;
  });
}

/** @throws TypeError when it cannot be changed */
export function watchIterator(iterator: Steps, ends: Ends): void {
  watchSteps(iterator, ends);
  addReturn(iterator, ends);
}

function watchSteps(iterator: Steps, ends: Ends): void {
  const inBody = currentDecision();
  const look = (result: unknown): unknown => {
    if (isLast(result)) ends.finished();
    return result;
  };
  const fail = (error: unknown): never => {
    ends.failed(error);
    throw error;
  };
  for (const name of ['next', 'return', 'throw'] as const) {
    const step = iterator[name];
    if (typeof step !== 'function') continue;
    replace(iterator, name, function (this: Steps, ...args: unknown[]) {
      let result: unknown;
      try {
        result = inBody(() => Reflect.apply(step, this, args) as unknown);
      } catch (error) {
        return fail(error);
      }
      return isPromiseLike(result) ? result.then(look, fail) : look(result);
    });
  }
}

/** A reader that stops early calls `return`, which not every iterator has. */
function addReturn(iterator: Steps, ends: Ends): void {
  if (typeof iterator.return === 'function') return;
  replace(iterator, 'return', (value: unknown) => {
    ends.finished();
    return Promise.resolve({ done: true, value });
  });
}

/** The `next` of a database cursor returns a document or null, not `{ done }`. */
function isLast(result: unknown): boolean {
  return typeof result === 'object' && result !== null && (result as { done?: unknown }).done === true;
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

function replace(object: object, name: PropertyKey, value: unknown): void {
  Object.defineProperty(object, name, { value, configurable: true, writable: true, enumerable: false });
}
