import { mkdtempDisposableSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { artifactUploaded } from '@waybill/schema';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { checkPeriod, checkWait, startTimer, within } from './duration.ts';
import { lazySize } from './instrument/lazy-size.ts';
import { withFlush } from './instrument/with-flush.ts';
import type { PublisherOptions } from './options.ts';
import { createPublisher } from './publisher/publisher.ts';
import { createSigner } from './signing/signer.ts';
import { fileSink } from './sinks/file-sink.ts';
import { memorySink } from './sinks/memory-sink.ts';

const QUIET = { info: () => {}, warn: () => {} };
const event = artifactUploaded({ orgid: 'acme', digest: `sha256:${'0'.repeat(64)}` });
/** A publisher whose events are never stored. */
const unconnected = (options: Partial<PublisherOptions> = {}) =>
  createPublisher({ source: '//test', connection: 'later', logger: QUIET, ...options });

const WRONG = [Number.NaN, -1, Number.NEGATIVE_INFINITY, '5' as never];
const LONG = [Number.POSITIVE_INFINITY, 2 ** 31, 1e12];

describe('startTimer', () => {
  afterEach(() => void vi.useRealTimers());

  test('waits as long as it is told, beyond the longest time of a timer, and for ever', () => {
    vi.useFakeTimers();
    const fired: string[] = [];
    startTimer(3 * 2 ** 31, () => fired.push('long'));
    startTimer(Number.POSITIVE_INFINITY, () => fired.push('never'));
    startTimer(0, () => fired.push('now'));
    startTimer(2 ** 31, () => fired.push('stopped')).stop();
    vi.advanceTimersByTime(3 * 2 ** 31 - 1);
    expect(fired).toEqual(['now']);
    vi.advanceTimersByTime(1);
    expect(fired).toEqual(['now', 'long']);
    vi.advanceTimersByTime(10 * 2 ** 31);
    expect(fired).toEqual(['now', 'long']);
  });
});

test.for(WRONG)('%s is no duration', (ms) => {
  expect(() => checkWait('x', ms)).toThrow(`x is ${ms}, expected milliseconds, 0 or more; Infinity for no limit`);
  expect(() => checkPeriod('x', ms)).toThrow(`x is ${ms}, expected milliseconds, more than 0 and at most 2147483647`);
});

describe('within', () => {
  test('gives what the promise gives, or what is given or thrown when the time is over', async () => {
    const never = new Promise<string>(() => {});
    expect(await within(Promise.resolve('in time'), 60_000, () => 'late')).toBe('in time');
    expect(await within(never, 1, () => 'late')).toBe('late');
    await expect(within(Promise.reject(new Error('broken')), 60_000, () => 'late')).rejects.toThrow('broken');
    const late = within(never, 1, () => {
      throw new Error('too late');
    });
    await expect(late).rejects.toThrow('too late');
  });

  test("a promise that rejects later is nobody's unhandled rejection", async () => {
    const { promise, reject } = Promise.withResolvers<string>();
    expect(await within(promise, 1, () => 'late')).toBe('late');
    reject(new Error('much too late'));
    await new Promise((resolve) => setImmediate(resolve));
  });
});

test('a period is at most the longest time of a timer', () => {
  for (const ms of [0, ...LONG]) expect(() => checkPeriod('x', ms)).toThrow('x is');
  expect([checkPeriod('x', 1), checkPeriod('x', 2 ** 31 - 1), checkWait('x', 0)]).toEqual([1, 2 ** 31 - 1, 0]);
});

/** Every function that waits as long as its caller says, for something that does not come, and how to end the wait. */
const WAITS: Record<string, (timeoutMs: number) => { waiting: () => Promise<unknown>; end?: () => unknown }> = {
  flush(timeoutMs) {
    const audit = unconnected();
    audit.emit(event);
    return { waiting: () => audit.flush({ timeoutMs }), end: () => audit.close({ timeoutMs: 0 }) };
  },
  confirm(timeoutMs) {
    const audit = unconnected();
    return { waiting: () => audit.confirm(event, { timeoutMs }), end: () => audit.close({ timeoutMs: 0 }) };
  },
  'confirm with a signer'(timeoutMs) {
    const signer = createSigner({ getSecret: () => new Promise(() => {}) });
    const audit = unconnected({ signer });
    return { waiting: () => audit.confirm(event, { timeoutMs }), end: () => audit.close({ timeoutMs: 0 }) };
  },
  close(timeoutMs) {
    const audit = unconnected();
    audit.emit(event);
    return { waiting: () => audit.close({ timeoutMs }) };
  },
  closeTimeoutMs(closeTimeoutMs) {
    const audit = unconnected({ closeTimeoutMs });
    audit.emit(event);
    return { waiting: () => audit.close() };
  },
  withFlush(timeoutMs) {
    const handler = withFlush({ flush: () => new Promise(() => {}) }, () => 1, { timeoutMs });
    return { waiting: () => handler() };
  },
  lazySize(timeoutMs) {
    // At most 32 are looked up at once in a process, so none may be left waiting.
    const size = Promise.withResolvers<number>();
    return { waiting: async () => lazySize(() => size.promise, { timeoutMs }), end: () => size.resolve(1) };
  },
  waitFor: (timeoutMs) => ({ waiting: () => memorySink().waitFor('no.such', { timeoutMs }) }),
  createSigner(timeoutMs) {
    const signer = createSigner({ getSecret: () => new Promise(() => {}), timeoutMs });
    return { waiting: () => signer.identity() };
  },
};

describe.for(Object.entries(WAITS))('%s', ([name, wait]) => {
  test.for(LONG)('waits for %s ms', async (ms) => {
    const { waiting, end } = wait(ms);
    const settled = waiting().then(
      () => 'settled',
      () => 'settled',
    );
    // Longer than the millisecond after which Node fires a timer whose time is too long.
    const other = unconnected();
    other.emit(event);
    const enough = other.flush({ timeoutMs: 50 }).then(() => 'waiting');
    expect(await Promise.race([settled, enough])).toBe('waiting');
    await other.close({ timeoutMs: 0 });
    await end?.();
    // So that nothing is left waiting.
    expect(end ? await settled : 'settled').toBe('settled');
  });

  test.for(WRONG)('refuses %s', async (ms) => {
    const attempt = async (): Promise<unknown> => wait(ms).waiting();
    await expect(attempt()).rejects.toThrow(`imeoutMs is ${String(ms)}, expected milliseconds`);
    if (name === 'createSigner') return;
    await expect(attempt()).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
  });
});

test('a close with a wrong time closes nothing and loses nothing', async () => {
  const audit = unconnected();
  audit.emit(event);
  await expect(audit.close({ timeoutMs: Number.NaN })).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
  expect(audit.stats()).toMatchObject({ pending: 1, dropped: { closed: 0 } });
  expect(await audit.close({ timeoutMs: 0 })).toMatchObject({ lost: 1 });
});

test('fileSink and a disabled publisher refuse the same', async () => {
  using dir = mkdtempDisposableSync(join(tmpdir(), 'waybill-duration-'));
  await using file = fileSink({ source: '//test', directory: dir.path, logger: QUIET });
  await using disabled = createPublisher({ source: '//test', logger: QUIET });
  for (const sink of [file, disabled]) {
    for (const timeoutMs of WRONG) {
      const refused = { code: 'INVALID_OPTIONS', message: expect.stringContaining(`timeoutMs is ${timeoutMs}`) };
      await expect(sink.flush({ timeoutMs })).rejects.toMatchObject(refused);
      await expect(sink.confirm(event, { timeoutMs })).rejects.toMatchObject(refused);
      await expect(sink.close({ timeoutMs })).rejects.toMatchObject(refused);
    }
    for (const timeoutMs of LONG) expect(await sink.flush({ timeoutMs })).toBe(true);
  }
  await expect(file.confirm(event, { timeoutMs: Number.POSITIVE_INFINITY })).resolves.toMatchObject({ seq: 1 });
  for (const backoffMaxMs of [0, ...WRONG, ...LONG]) {
    expect(() => fileSink({ source: '//test', directory: dir.path, backoffMaxMs })).toThrow('backoffMaxMs is');
  }
});

describe('createPublisher', () => {
  const servers = 'nats://127.0.0.1:1';
  test.for(['ackTimeoutMs', 'backoffMinMs', 'backoffMaxMs', 'parkProbeMs', 'spoolRetryMs'] as const)('%s', (name) => {
    for (const ms of [0, ...WRONG, ...LONG]) {
      expect(() => createPublisher({ source: '//test', servers, [name]: ms, logger: QUIET })).toThrow(
        expect.objectContaining({ code: 'INVALID_OPTIONS', message: expect.stringContaining(`${name} is ${ms}`) }),
      );
    }
  });

  test.for(['timeout', 'pingInterval', 'reconnectTimeWait', 'reconnectJitter', 'reconnectJitterTLS'] as const)(
    'connect.%s, which the client hands to a timer',
    (name) => {
      for (const ms of [...WRONG, ...LONG]) {
        expect(() => createPublisher({ source: '//test', servers, connect: { [name]: ms }, logger: QUIET })).toThrow(
          `connect.${name} is ${ms}`,
        );
      }
    },
  );
});
