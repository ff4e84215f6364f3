/** Follows thenables that are no promises: query builders, and promises of clients and other libraries. */
import { currentDecision } from '../context.ts';

type Callback = (...values: unknown[]) => unknown;

export interface Thenable {
  then: (good?: unknown, bad?: unknown, ...more: unknown[]) => unknown;
  catch?: Callback;
  finally?: Callback;
}

export interface Settled {
  finished(result: unknown): void;
  failed(error: unknown): void;
}

/** Watchers of each thenable: several runs may return the same object. */
const waiting = new WeakMap<Thenable, Set<Settled>>();

export function isThenable(value: object): value is Thenable {
  return typeof (value as Partial<Thenable>).then === 'function';
}

/**
 * Reports the outcome once somebody awaits the thenable. Its `then` is wrapped and not called, because calling it may
 * start the work.
 *
 * @throws TypeError when the thenable cannot be changed
 */
export function watchThenable(thenable: Thenable, settled: Settled): void {
  const known = waiting.get(thenable);
  if (known) return void known.add(settled);
  const watchers = new Set([settled]);
  const tell = (how: (watcher: Settled) => void): void => {
    for (const watcher of watchers) {
      watchers.delete(watcher);
      how(watcher);
    }
  };
  const inBody = currentDecision();
  const { then } = thenable;
  replace(thenable, 'then', function (this: Thenable, good, bad, ...more) {
    const onGood: Callback = (...values) => {
      tell((watcher) => watcher.finished(values[0]));
      return typeof good === 'function' ? (good as Callback)(...values) : values[0];
    };
    const onBad: Callback = (...errors) => {
      tell((watcher) => watcher.failed(errors[0]));
      if (typeof bad === 'function') return (bad as Callback)(...errors);
      throw errors[0];
    };
    return inBody(() =>
      Reflect.apply<Thenable, [unknown, unknown, ...unknown[]], unknown>(then, this, [onGood, onBad, ...more]),
    );
  });
  // Like those of Promise. A library's own `catch` may not call `then`.
  const { catch: catches, finally: endsWith } = thenable;
  if (typeof catches === 'function') {
    replace(thenable, 'catch', function (this: Thenable, ...handlers) {
      // With more than one, the others are filters, as in Bluebird.
      return handlers.length > 1 ? Reflect.apply(catches, this, handlers) : this.then(undefined, handlers[0]);
    });
  }
  if (typeof endsWith === 'function') replace(thenable, 'finally', thenCall);
  waiting.set(thenable, watchers);
}

function thenCall(this: Thenable, call: unknown): unknown {
  if (typeof call !== 'function') return this.then(call, call);
  const called = async (): Promise<void> => void (await (call as Callback)());
  return this.then(
    (value: unknown) => called().then(() => value),
    (error: unknown) =>
      called().then(() => {
        throw error;
      }),
  );
}

function replace(
  thenable: Thenable,
  name: keyof Thenable,
  value: (this: Thenable, ...args: unknown[]) => unknown,
): void {
  Object.defineProperty(thenable, name, { value, configurable: true, writable: true, enumerable: false });
}
