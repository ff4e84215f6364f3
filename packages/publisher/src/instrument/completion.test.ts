/** When a run has ended, for each kind of result that goes on after it was returned. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { Duplex, PassThrough, Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { describe, expect, test } from 'vitest';
import { memorySink } from '../sinks/memory-sink.ts';
import { decision } from './decision.ts';
import { audited, lifecycle, timed } from './lifecycle.ts';
import { withFlush } from './with-flush.ts';

/** `Array.fromAsync` of what is there of it. */
async function list(from: AsyncIterable<unknown>): Promise<unknown[]> {
  const items: unknown[] = [];
  for await (const item of from) items.push(item);
  return items;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Runs a body, and gives its result and the types of the events so far. */
function start<T>(body: () => T) {
  const audit = memorySink();
  const result = lifecycle({ audit, name: 'x', orgid: 'acme' }, body);
  return { audit, result, ends: () => audit.events.slice(1).map(({ type, data }) => [type, data['error_name']]) };
}
const FINISHED = [['run.finished', undefined]];
const failed = (name: string) => [['run.failed', name]];

/** A query builder: it runs when `then` is called, and again when it is called again. */
class Query {
  runs = 0;
  readonly #answer: () => Promise<string>;
  constructor(answer: () => Promise<string>) {
    this.#answer = answer;
  }
  // oxlint-disable-next-line unicorn/no-thenable -- query builders are
  then<A, B>(good?: (value: string) => A, bad?: (error: unknown) => B): Promise<A | B> {
    this.runs++;
    return this.#answer().then(good, bad);
  }
  /** As Prisma does it: not by its own `then`. */
  catch<B>(bad: (error: unknown) => B): Promise<string | B> {
    this.runs++;
    return this.#answer().catch(bad);
  }
  finally(call: () => void): Promise<string> {
    this.runs++;
    return this.#answer().finally(call);
  }
}

describe('a thenable that is no Promise', () => {
  const good = () => new Query(async () => 'rows');
  const bad = () => new Query(() => Promise.reject(new RangeError('no')));

  test('is handed on as it is, started by the caller alone, and over when it is settled', async () => {
    const query = good();
    const { result, ends } = start(() => query);
    expect(result).toBe(query);
    await turn();
    expect([ends(), query.runs]).toEqual([[], 0]);
    expect(await result).toBe('rows');
    expect([ends(), query.runs]).toEqual([FINISHED, 1]);
    expect(await result).toBe('rows');
    expect([ends(), query.runs]).toEqual([FINISHED, 2]);
  });

  test('that rejects is a failure, and its error the caller has', async () => {
    const { result, ends } = start(bad);
    await expect(async () => await result).rejects.toThrow('no');
    expect(ends()).toEqual(failed('RangeError'));
  });

  test('is over by catch and by finally as well', async () => {
    const caught = start(bad);
    expect(await caught.result.catch(() => 'mended')).toBe('mended');
    expect(caught.ends()).toEqual(failed('RangeError'));
    const fine = start(good);
    let calls = 0;
    expect(await fine.result.finally(() => void calls++)).toBe('rows');
    expect([fine.ends(), calls]).toEqual([FINISHED, 1]);
    const late = start(bad);
    await expect(late.result.finally(() => void calls++)).rejects.toThrow('no');
    expect([late.ends(), calls]).toEqual([failed('RangeError'), 2]);
  });

  test('that two runs give ends both', async () => {
    const query = good();
    const [first, second] = [start(() => query), start(() => query)];
    await query;
    expect([first.ends(), second.ends()]).toEqual([FINISHED, FINISHED]);
  });

  test('with failClosed, timed and withFlush', async () => {
    const audit = memorySink();
    expect(await lifecycle({ audit, name: 'x', orgid: 'acme', failClosed: true }, good)).toBe('rows');
    expect(audit.events.map(({ type }) => type)).toEqual(['run.started', 'run.finished']);
    audit.clear();
    const run = { type: 'run.finished', fields: { orgid: 'acme', name: 'x' } };
    const query = timed(run, bad, audit);
    expect(audit.events).toEqual([]);
    await expect(async () => await query).rejects.toThrow('no');
    expect(audit.events).toMatchObject([{ outcome: 'failure' }]);
    const handed: unknown[] = [];
    const flush = { flush: async () => true };
    const answer = withFlush(flush, good, { waitUntil: (promise) => void handed.push(promise) })();
    expect(handed.length).toBe(0);
    await answer;
    expect(handed.length).toBe(1);
  });

  test('a promise with a `then` of its own is left to the caller too', async () => {
    let runs = 0;
    class Lazy extends Promise<string> {
      // oxlint-disable-next-line unicorn/no-thenable -- p-lazy, the OpenAI client
      override then(...callbacks: never[]): Promise<never> {
        runs++;
        return Promise.resolve('parsed').then(...callbacks);
      }
      static override get [Symbol.species]() {
        return Promise;
      }
    }
    const lazy = new Lazy(() => {});
    const { result, ends } = start(() => lazy);
    expect([result === lazy, runs, ends()]).toEqual([true, 0, []]);
    expect(await (result as Promise<string>)).toBe('parsed');
    expect([runs, ends()]).toEqual([1, FINISHED]);
  });

  test('one that cannot be listened to is a value', () => {
    // oxlint-disable-next-line unicorn/no-thenable -- as above
    const frozen = Object.freeze({ then: () => {} });
    expect(start(() => frozen).ends()).toEqual(FINISHED);
    const hostile = new Proxy(
      {},
      {
        get: () => {
          throw new Error('no');
        },
      },
    );
    expect(start(() => hostile).ends()).toEqual(FINISHED);
  });
});

describe('a generator', () => {
  async function* numbers(error?: Error) {
    yield 1;
    await turn();
    yield 2;
    if (error) throw error;
    return 3;
  }

  test('is over when it has ended, not when it was made', async () => {
    const { result, ends } = start(() => numbers());
    await turn();
    expect(ends()).toEqual([]);
    const seen: number[] = [];
    for await (const n of result) {
      seen.push(n);
      expect(ends()).toEqual([]);
    }
    expect([seen, ends()]).toEqual([[1, 2], FINISHED]);
  });

  test('that throws is a failure; one whose reader stops has finished', async () => {
    const broken = start(() => numbers(new TypeError('no')));
    await expect(list(broken.result)).rejects.toThrow('no');
    expect(broken.ends()).toEqual(failed('TypeError'));
    const left = start(() => numbers());
    for await (const _ of left.result) break;
    expect(left.ends()).toEqual(FINISHED);
    const thrown = start(() => numbers());
    await thrown.result.next();
    await expect(thrown.result.throw(new RangeError('the reader'))).rejects.toThrow('the reader');
    expect(thrown.ends()).toEqual(failed('RangeError'));
  });

  test('that a promise gives, one that is not async, and one of `audited`', async () => {
    const later = start(async () => numbers());
    const generator = await later.result;
    expect(later.ends()).toEqual([]);
    expect(await list(generator)).toEqual([1, 2]);
    expect(later.ends()).toEqual(FINISHED);
    const sync = start(function* () {
      yield 1;
    });
    expect(sync.ends()).toEqual([]);
    expect([...sync.result]).toEqual([1]);
    expect(sync.ends()).toEqual(FINISHED);
    const audit = memorySink();
    const count = audited({ audit, name: 'count', orgid: 'acme' })(async function* (to: number) {
      for (let n = 0; n < to; n++) yield n;
    });
    const running = count(2);
    expect(audit.events.map(({ type }) => type)).toEqual(['run.started']);
    expect(await list(running)).toEqual([0, 1]);
    expect(audit.events.map(({ type }) => type)).toEqual(['run.started', 'run.finished']);
  });

  test('an iterator without a generator, and an object that gives one', async () => {
    const iterator = () => {
      let n = 0;
      return {
        next: async () => (n < 2 ? { done: false, value: n++ } : { done: true, value: undefined }),
        [Symbol.asyncIterator]() {
          return this;
        },
      };
    };
    const byHand = start(iterator);
    await byHand.result.next();
    await byHand.result.next();
    expect(byHand.ends()).toEqual([]);
    await byHand.result.next();
    expect(byHand.ends()).toEqual(FINISHED);
    const left = start(iterator);
    for await (const _ of left.result) break;
    expect(left.ends()).toEqual(FINISHED);
    const iterable = start(() => ({ [Symbol.asyncIterator]: () => numbers() }));
    expect(iterable.ends()).toEqual([]);
    expect(await list(iterable.result)).toEqual([1, 2]);
    expect(iterable.ends()).toEqual(FINISHED);
  });

  test('what it emits has the decision in which it was made, and so has its end', async () => {
    const audit = memorySink();
    const generator = decision({ audit, orgid: 'acme', decisionid: 'mine' }, () =>
      lifecycle({ audit, orgid: 'acme', name: 'inner' }, async function* () {
        audit.emit({ type: 'run.started', fields: { orgid: 'acme', name: 'in the body' } });
        yield 1;
        await turn();
        audit.emit({ type: 'run.started', fields: { orgid: 'acme', name: 'later' } });
      }),
    );
    for await (const _ of generator) audit.emit({ type: 'run.started', fields: { orgid: 'reader', name: 'x' } });
    expect(audit.drops).toEqual([]);
    expect(audit.events.map(({ type, orgid, decisionid }) => [type, orgid, decisionid])).toEqual([
      ['decision.started', 'acme', 'mine'],
      ['run.started', 'acme', 'mine'],
      ['run.started', 'acme', 'mine'],
      ['run.started', 'reader', undefined],
      ['run.started', 'acme', 'mine'],
      ['run.finished', 'acme', 'mine'],
      ['decision.ended', 'acme', 'mine'],
    ]);
  });
});

/** Its option is missing in @types/node. */
const writeOnly = (): Duplex =>
  new Duplex({ readable: false, write: (_chunk: unknown, _encoding: string, done: () => void) => done() } as object);

describe('a stream', () => {
  test('of Node is over when it has ended', async () => {
    const { result, ends } = start(() => Readable.from(['a', 'b']));
    await turn();
    expect(ends()).toEqual([]);
    expect(String(await buffer(result))).toBe('ab');
    await expect.poll(ends).toEqual(FINISHED);
    const writable = start(async () => new Writable({ write: (_chunk, _encoding, done) => done() }));
    const sink = await writable.result;
    sink.write('x');
    await turn();
    expect(writable.ends()).toEqual([]);
    sink.end();
    await finished(sink);
    await expect.poll(writable.ends).toEqual(FINISHED);
  });

  test('both sides of a duplex, and only the side that it has', async () => {
    const both = start(() => new PassThrough());
    both.result.end('x');
    await once(both.result, 'finish');
    expect(both.ends()).toEqual([]);
    both.result.resume();
    await expect.poll(both.ends).toEqual(FINISHED);
    const one = start(() => writeOnly());
    one.result.end();
    await expect.poll(one.ends).toEqual(FINISHED);
  });

  test('that fails is a failure, and nobody is taken an error from', async () => {
    const { result, ends } = start(() => new Readable({ read: () => {} }));
    expect(result.listenerCount('error')).toBe(0);
    const seen = once(result, 'error');
    result.destroy(new TypeError('no'));
    expect(await seen).toMatchObject([{ message: 'no' }]);
    expect(ends()).toEqual(failed('TypeError'));
    const cut = start(() => new Readable({ read: () => {} }));
    cut.result.destroy();
    await expect.poll(cut.ends).toEqual(failed('Error'));
    expect(cut.audit.events[1]?.data['error_code']).toBe('ERR_STREAM_PREMATURE_CLOSE');
  });

  test('that was over already when it was returned', async () => {
    const stream = Readable.from(['a']);
    await buffer(stream);
    await turn();
    expect(start(() => stream).ends()).toEqual(FINISHED);
    const broken = new Readable({ read: () => {} });
    broken.on('error', () => {});
    broken.destroy(new RangeError('no'));
    await new Promise((resolve) => broken.on('close', resolve));
    expect(start(() => broken).ends()).toEqual(failed('RangeError'));
  });

  test('of the web', async () => {
    const { result, ends } = start(() => new Blob(['ab']).stream());
    await turn();
    expect(ends()).toEqual([]);
    expect(String(await buffer(result))).toBe('ab');
    await expect.poll(ends).toEqual(FINISHED);
    const broken = start(() => new ReadableStream({ pull: (controller) => controller.error(new SyntaxError('no')) }));
    await expect(list(broken.result)).rejects.toThrow('no');
    await expect.poll(broken.ends).toEqual(failed('SyntaxError'));
    const writable = start(() => new WritableStream());
    await writable.result.close();
    await expect.poll(writable.ends).toEqual(FINISHED);
  });

  test('its end has the decision in which it was made', async () => {
    const audit = memorySink();
    const stream = decision({ audit, orgid: 'acme', decisionid: 'mine' }, () =>
      lifecycle({ audit, orgid: 'acme', name: 'inner' }, () => Readable.from(['a'])),
    );
    await new AsyncLocalStorage().run(1, () => buffer(stream));
    await audit.waitFor('decision.ended');
    expect(audit.events.map(({ decisionid }) => decisionid)).toEqual(['mine', 'mine', 'mine', 'mine']);
  });
});

test('one that can be changed in part only ends once', async () => {
  const iterator = { next: async () => ({ done: true, value: 1 }), [Symbol.asyncIterator]: () => iterator };
  Object.defineProperty(iterator, Symbol.asyncIterator, { configurable: false, writable: false });
  const { result, ends } = start(() => iterator);
  expect(ends()).toEqual(FINISHED);
  for await (const _ of result) break;
  expect(ends()).toEqual(FINISHED);
});

test('what is no work is over at once', () => {
  for (const value of [1, 'a', null, undefined, [1], new Map(), new Set([1]).values(), () => 1, { next: () => 1 }]) {
    expect(start(() => value).ends()).toEqual(FINISHED);
  }
});
