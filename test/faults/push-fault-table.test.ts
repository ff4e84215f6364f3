/**
 * Runs of `waybill push` that end at any step: killed processes, lost answers, journals cut at any byte. After the same
 * command was run again, the engine has counted exactly the usage, never twice.
 */
import type { NatsConnection } from '@nats-io/nats-core';
import { push, type PushOptions, type Settings } from '@waybill/consumer';
import { readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type FakeEngine, HOUR_MS } from '../support/metering-engines.ts';
import { startNats } from '../support/nats.ts';
import {
  CUSTOMERS,
  KEYS,
  type Name,
  NAMES,
  pushArguments,
  pushedMonth,
  pushEnvironment,
  start,
} from '../support/pushed-month.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { startWaybill, waybill } from '../support/waybill.ts';

const UPLOADS = 'waybill_upload_bytes';

interface Given {
  readonly engine: FakeEngine;
  readonly nc: NatsConnection;
  readonly settings: Settings;
  readonly args: string[];
  readonly env: Record<string, string>;
  readonly journal: string;
  /** The same as the arguments, for the function. It does not wait long for an engine. */
  readonly options: PushOptions;
  expectExact(): void;
}

async function withEngine(name: Name, body: (given: Given) => Promise<void>): Promise<void> {
  await using server = await startNats();
  await using engine = await start(name);
  using folder = temporaryDirectory();
  const month = await pushedMonth(await server.connect());
  const { nc, settings, from, to } = month;
  const journal = join(folder.path, 'journal');
  await body({
    engine,
    nc,
    settings,
    args: pushArguments(name, month, { folder: folder.path, url: engine.url }),
    env: pushEnvironment(name, server.url, settings),
    journal,
    options: {
      engine: name,
      journal,
      url: engine.url,
      key: KEYS[name],
      customers: CUSTOMERS,
      from,
      to,
      retryPauseMs: 1,
    },
    expectExact() {
      for (const orgid of ['acme', 'beta'] as const)
        expect(engine.sum(CUSTOMERS[orgid], UPLOADS), orgid).toBe(month.bytes[orgid]);
    },
  });
}

function postsOf({ requests }: FakeEngine): number {
  return requests.filter((one) => one.startsWith('POST')).length;
}

/** When the process is killed, by what the engine sees of it. */
const STEPS = [
  { step: 'the first question to the engine arrives', method: 'GET', number: 1, at: 'arrival' },
  { step: 'the first values arrive, and are not stored', method: 'POST', number: 1, at: 'arrival' },
  { step: 'the first values are stored, and not answered', method: 'POST', number: 1, at: 'stored' },
  { step: 'the first values are answered', method: 'POST', number: 1, at: 'answered' },
  { step: 'a later value arrives, and is not stored', method: 'POST', number: 3, at: 'arrival' },
  { step: 'a later value is stored, and not answered', method: 'POST', number: 3, at: 'stored' },
] as const;

describe.each(NAMES)('waybill push %s, killed with SIGKILL when', (name) => {
  // OpenMeter and Lago get all values of this ledger at once, and Lago is asked nothing before the first batch.
  const steps = STEPS.filter(({ method, number }) =>
    name === 'stripe' ? true : number === 1 && (name === 'openmeter' || method === 'POST'),
  );
  test.each(steps)('$step', ({ method, number, at }) =>
    withEngine(name, async ({ engine, args, env, journal, expectExact }) => {
      const running = startWaybill(args, env);
      let seen = 0;
      let atDeath = '';
      const isTheOne = (request: { method: string }): boolean => request.method === method && ++seen === number;
      engine.onRequest = async (request) => {
        if (at === 'answered' || !isTheOne(request)) return 'answer';
        atDeath = readFileSync(journal, 'utf8');
        await running.end('SIGKILL');
        return at === 'arrival' ? 'lose request' : 'lose answer';
      };
      engine.onAnswered = (request) => {
        if (at !== 'answered' || !isTheOne(request)) return;
        running.signal('SIGKILL');
        atDeath = readFileSync(journal, 'utf8');
      };
      expect(await running.ended).toMatchObject({ signal: 'SIGKILL' });
      // Values are sent when their intents are on disk, and not before.
      expect(atDeath.includes('"kind":"intent"')).toBe(method === 'POST');
      engine.onRequest = () => 'answer';
      engine.onAnswered = () => undefined;
      // The lock of a dead process is no lock.
      const again = await waybill(args, env);
      expect(again).toMatchObject({ code: 0, stderr: '' });
      expectExact();
      expect((await waybill(args, env)).stdout).toContain('6 pushed before');
    }),
  );
});

/** From which moment on an engine no longer remembers ids. */
const LATER = [0, 25, 5 * 24];

describe.each(NAMES)('waybill push %s, whose answers are lost', (name) => {
  test.each(LATER)('and run again %s hours later: the engine is asked, and what it has is not sent', (hours) =>
    withEngine(name, async ({ engine, nc, settings, options, expectExact }) => {
      engine.onRequest = ({ method }) => (method === 'POST' ? 'lose answer' : 'answer');
      await expect(push(nc, settings, options)).rejects.toMatchObject({
        code: 'ENGINE_UNREACHABLE',
        message: expect.stringContaining('no usable answer in 5 attempts'),
      });
      engine.onRequest = () => 'answer';
      engine.now = () => Date.now() + hours * HOUR_MS;
      // Stripe gets one value a request, so that some were not sent.
      const stored = engine.counted.length;
      expect(stored).toBeGreaterThan(0);
      const before = postsOf(engine);
      expect(await push(nc, settings, options)).toMatchObject({ found: stored, sent: 6 - stored });
      expectExact();
      expect(postsOf(engine) - before).toBe(6 - stored);
      expect(await push(nc, settings, options)).toMatchObject({ before: 6 });
    }),
  );

  test.each(LATER)('before they are stored, and run again %s hours later: it is sent', (hours) =>
    withEngine(name, async ({ engine, nc, settings, options, expectExact }) => {
      engine.onRequest = ({ method }) => (method === 'POST' ? 'lose request' : 'answer');
      await expect(push(nc, settings, options)).rejects.toMatchObject({ code: 'ENGINE_UNREACHABLE' });
      engine.onRequest = () => 'answer';
      engine.now = () => Date.now() + hours * HOUR_MS;
      expect(await push(nc, settings, options)).toMatchObject({ sent: 6, found: 0 });
      expectExact();
    }),
  );
});

describe.each(NAMES)('waybill push %s', (name) => {
  test('a journal that ends anywhere, as a crash leaves it, is continued', () =>
    withEngine(name, async ({ engine, args, env, journal, expectExact }) => {
      expect(await waybill(args, env)).toMatchObject({ code: 0 });
      const whole = readFileSync(journal);
      const lines = whole.toString('utf8').split('\n');
      let end = 0;
      // After each line, and within the next one. The engine has everything, and remembers no id.
      engine.now = () => Date.now() + 25 * HOUR_MS;
      for (const line of lines.slice(0, -1)) {
        for (const cut of [end, end + Math.floor(line.length / 2)]) {
          writeFileSync(journal, whole);
          truncateSync(journal, cut);
          expect(await waybill(args, env), String(cut)).toMatchObject({ code: 0, stderr: '' });
          expectExact();
          const again = await waybill(args, env);
          expect(again, String(cut)).toMatchObject({ code: 0, stdout: expect.stringContaining('6 pushed before') });
        }
        end += Buffer.byteLength(line) + 1;
      }
    }));

  test('a journal that was changed, or is of another account, is refused', () =>
    withEngine(name, async ({ engine, args, env, journal }) => {
      expect(await waybill(args, env)).toMatchObject({ code: 0 });
      const text = readFileSync(journal, 'utf8');
      const requests = engine.requests.length;
      for (const [changed, code, says] of [
        [text.replace('"kind":"intent"', '"kind":"intend"'), 65, 'line 2'],
        [text.replace('"value":', '"worth":'), 65, 'line 2: it has no value'],
        [text.replace('"id":"', '"id":"0'), 65, 'which has no intent'],
        [text.replace('{', ''), 65, 'line 1'],
        [text.replace(engine.url, 'https://other.example'), 64, 'is about'],
        ['a file of mine\n', 65, 'line 1'],
        // Whoever names the wrong file keeps all of it.
        ['{"acme":"cus_acme"}', 65, 'line 1'],
        ['a file\nof mine, without an end', 65, 'line 1'],
      ] as const) {
        writeFileSync(journal, changed);
        expect(await waybill(args, env), says).toMatchObject({ code, stderr: expect.stringContaining(says) });
        expect(readFileSync(journal, 'utf8')).toBe(changed);
      }
      expect(engine.requests).toHaveLength(requests);
    }));

  test('two runs at once: one of them pushes, also where the journal has two names', () =>
    withEngine(name, async ({ engine, args, env, journal, expectExact }) => {
      const link = `${journal}-link`;
      const other: Promise<{ code: number | null; stderr: string }>[] = [];
      engine.onRequest = async (): Promise<'answer'> => {
        if (other.length === 0) {
          symlinkSync(journal, link);
          const named = args.map((one) => (one === journal ? link : one));
          other.push(waybill(named, env));
          await other[0];
        }
        return 'answer';
      };
      const running = startWaybill(args, env);
      expect(await running.ended).toMatchObject({ code: 0 });
      expect(await other[0]).toMatchObject({
        code: 75,
        stderr: expect.stringContaining('another run has the journal'),
      });
      expectExact();
    }));
});

test('Stripe: an unsettled value that is too old by now is refused, and nothing is sent', () =>
  withEngine('stripe', async ({ engine, nc, settings, options }) => {
    engine.onRequest = ({ method }) => (method === 'POST' ? 'lose request' : 'answer');
    await expect(push(nc, settings, options)).rejects.toMatchObject({ code: 'ENGINE_UNREACHABLE' });
    engine.onRequest = () => 'answer';
    const before = postsOf(engine);
    const later = push(nc, settings, { ...options, now: () => Date.now() + 40 * 24 * HOUR_MS });
    await expect(later).rejects.toMatchObject({ code: 'ENGINE_REFUSED', message: expect.stringContaining('35 days') });
    expect(postsOf(engine)).toBe(before);
  }));

test('OpenMeter: an unsettled value that it no longer lists is refused, and nothing is sent', () =>
  withEngine('openmeter', async ({ engine, nc, settings, options }) => {
    engine.onRequest = ({ method }) => (method === 'POST' ? 'lose answer' : 'answer');
    await expect(push(nc, settings, options)).rejects.toMatchObject({ code: 'ENGINE_UNREACHABLE' });
    const requests = engine.requests.length;
    const later = push(nc, settings, { ...options, now: () => Date.now() + 40 * 24 * HOUR_MS });
    await expect(later).rejects.toMatchObject({
      code: 'ALREADY_PUSHED',
      message: expect.stringContaining('last 32 days'),
    });
    expect(engine.requests).toHaveLength(requests);
  }));
