import { describe, expect, expectTypeOf, test } from 'vitest';
import { withFlush } from './with-flush.ts';

const sinkThat = (flush: (options?: { timeoutMs?: number }) => Promise<boolean>) => ({ flush });
const broken = new Error('the body');

describe('before the answer', () => {
  test('the flush is over when the answer comes, with the result or the error as it was', async () => {
    let flushed = 0;
    const audit = sinkThat(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      flushed++;
      return true;
    });
    const result = { some: 'result' };
    expect(await withFlush(audit, async () => result)()).toBe(result);
    expect(flushed).toBe(1);
    expect(await withFlush(audit, () => result)()).toBe(result);
    expect(flushed).toBe(2);
    await expect(withFlush(audit, () => Promise.reject(broken))()).rejects.toBe(broken);
    expect(flushed).toBe(3);
    const throwing = () => {
      throw broken;
    };
    await expect(withFlush(audit, throwing)()).rejects.toBe(broken);
    expect(flushed).toBe(4);
  });

  test.for([
    ['rejects', () => Promise.reject(new Error('the sink'))],
    [
      'throws',
      () => {
        throw new Error('the sink');
      },
    ],
    ['never ends', () => new Promise<boolean>(() => {})],
    ['is not done in time', () => Promise.resolve(false)],
  ] as const)('a flush that %s fails nothing, and holds nothing up', async ([, flush]) => {
    const audit = sinkThat(flush);
    expect(await withFlush(audit, async () => 1, { timeoutMs: 5 })()).toBe(1);
    await expect(withFlush(audit, () => Promise.reject(broken), { timeoutMs: 5 })()).rejects.toBe(broken);
  });

  test('the time is the one that the sink is given', async () => {
    const times: unknown[] = [];
    const audit = sinkThat(async (options) => {
      times.push(options?.timeoutMs);
      return true;
    });
    await withFlush(audit, () => 1)();
    await withFlush(audit, () => 1, { timeoutMs: 7, waitUntil: undefined })();
    expect(times).toEqual([2_000, 7]);
  });
});

describe('with waitUntil', () => {
  const never = sinkThat(() => new Promise<boolean>(() => {}));
  const platform = () => {
    const promises: Promise<unknown>[] = [];
    return { promises, waitUntil: (promise: Promise<unknown>) => void promises.push(promise) };
  };

  test('the answer comes at once, a value as a value; the flush is handed over when the body has settled', async () => {
    const { promises, waitUntil } = platform();
    const options = { waitUntil, timeoutMs: 5 };
    expect(withFlush(never, () => 1, options)()).toBe(1);
    const body = Promise.withResolvers<number>();
    const answer = withFlush(never, () => body.promise, options)();
    expect(promises.length).toBe(1);
    body.resolve(2);
    expect(await answer).toBe(2);
    expect(promises.length).toBe(2);
    const throwing = () => {
      throw broken;
    };
    expect(withFlush(never, throwing, options)).toThrow(broken);
    await expect(withFlush(never, () => Promise.reject(broken), options)()).rejects.toBe(broken);
    expect(promises.length).toBe(4);
    // What a platform waits for ends, and never with an error.
    await Promise.all(promises);
  });

  test('a platform that refuses changes nothing', async () => {
    const audit = sinkThat(() => Promise.reject(new Error('the sink')));
    const waitUntil = () => {
      throw new Error('the response was sent');
    };
    expect(await withFlush(audit, async () => 1, { waitUntil })()).toBe(1);
  });
});

test('`this`, arguments, name, number of parameters and types are those of the function', async () => {
  const audit = sinkThat(async () => true);
  const waitUntil = () => {};
  const object = {
    factor: 2,
    handler: withFlush(audit, async function handle(this: { factor: number }, a: number, b: string) {
      return `${this.factor * a}${b}`;
    }),
  };
  expect(await object.handler(2, 'x')).toBe('4x');
  expect([object.handler.name, object.handler.length]).toEqual(['handle', 2]);
  const sync = (a: number): string => String(a);
  expectTypeOf(withFlush(audit, sync)).returns.toEqualTypeOf<Promise<string>>();
  expectTypeOf(withFlush(audit, sync, { waitUntil })).returns.toEqualTypeOf<string>();
  expectTypeOf(withFlush(audit, async (a: number) => a)).toEqualTypeOf<(this: unknown, a: number) => Promise<number>>();
  expectTypeOf(object.handler).parameters.toEqualTypeOf<[number, string]>();
});
