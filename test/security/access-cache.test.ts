/** How long a revoked token still serves, what happens when tokens cannot be read, and what a flood costs. */
import { revokeToken } from '@waybill/consumer';
import { beforeEach, describe, expect, test } from 'vitest';
import { MAX_UNKNOWN_PER_SECOND } from '../../packages/consumer/src/access/lookup-budget.ts';
import { createTokenLookup } from '../../packages/consumer/src/access/token-lookup.ts';
import { makeToken } from '../../packages/consumer/src/access/token-text.ts';
import { ADDRESS, prepareAccess } from '../support/access.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { until } from '../support/until.ts';

beforeEach(needsOwnServer);

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'let in',
    ({ code }) => code as unknown,
  );

test('a revocation holds within 10 s in every process, also for an answer that is open', async () => {
  await using server = await startNats();
  const access = await prepareAccess(server);
  const { token, id } = await access.make();
  await using one = access.check();
  await using other = access.check();
  const principals = await Promise.all([one, other].map((checks) => checks.authenticate(`Bearer ${token}`, ADDRESS)));
  await revokeToken(access.at, id, 'tester');
  const revokedAt = performance.now();
  // An open answer asks every 5 s at most: here it asks all the time.
  await until('both to refuse it', async () => {
    const refused = await Promise.all(
      [one, other].map(async (checks) => (await failure(checks.authenticate(`Bearer ${token}`, ADDRESS))) !== 'let in'),
    );
    const valid = await Promise.all([one, other].map((checks, i) => checks.isValid(principals[i] as never)));
    return refused.every(Boolean) && !valid.some(Boolean);
  });
  expect(performance.now() - revokedAt).toBeLessThan(10_000);
});

test('what was read serves for 5 s without a question, 10 s without an answer, and then nobody is let in', async () => {
  await using server = await startNats();
  const access = await prepareAccess(server);
  const { token } = await access.make();
  const wrong = `${token.slice(0, -52)}${'a'.repeat(52)}`;
  await using checks = access.check({ failuresPerMinute: 1 });
  const ask = (text = token): Promise<unknown> => failure(checks.authenticate(`Bearer ${text}`, ADDRESS));
  access.stopClock();
  const principal = await checks.authenticate(`Bearer ${token}`, ADDRESS);
  await server.pause();
  expect(await ask()).toBe('let in');
  access.later(4_000);
  expect(await ask()).toBe('let in');
  access.later(2_000);
  // 6 s old: it is asked for in vain, and serves while it is not older than 10 s. An open answer ends.
  expect(await ask()).toBe('let in');
  expect(await failure(checks.isValid(principal))).toBe('UNAVAILABLE');
  access.later(4_500);
  expect(await ask()).toBe('UNAVAILABLE');
  // Nor is it said that a token is wrong, and nobody is punished for it.
  expect(await ask(wrong)).toBe('UNAVAILABLE');
  expect(await ask(makeToken().text)).toBe('UNAVAILABLE');
  await server.resume();
  await until('tokens to be read again', async () => {
    access.later(1_000);
    return (await ask()) === 'let in';
  });
  expect(await ask(wrong)).toBe('UNAUTHENTICATED');
  expect(access.log.filter((line) => line.startsWith('tokens cannot be read'))).toHaveLength(1);
});

test('no stream of tokens: nobody is let in, and whoever asks is not told why', async () => {
  await using server = await startNats();
  const access = await prepareAccess(server);
  await using checks = access.check({ stream: 'NONE' });
  await expect(checks.authenticate(`Bearer ${makeToken().text}`, ADDRESS)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    retryAfterMs: 1_000,
    message: 'tokens cannot be checked at the moment, so nobody is let in',
  });
  expect(access.log.join()).toContain('there is no such stream');
});

describe('a flood of 100,000 unknown ids', () => {
  test('takes bounded memory and few questions, and keeps no known token out', async () => {
    await using server = await startNats();
    const access = await prepareAccess(server);
    const { id } = await access.make();
    let now = 0;
    const logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
    const lookup = createTokenLookup({ ...access.at, logger, clock: () => now });
    expect(await lookup.find(id, 10_000)).not.toBeNull();
    let limited = 0;
    let unknown = 0;
    // 100 seconds with 1,000 ids each, sent by 250 at once.
    for (let round = 0; round < 400; round++) {
      now += 250;
      const asked = Array.from({ length: 250 }, () => lookup.find(makeToken().id, 10_000));
      const known = lookup.find(id, 10_000);
      for (const result of await Promise.allSettled(asked)) {
        if (result.status === 'fulfilled') unknown++;
        else if (result.reason.code === 'RATE_LIMITED') limited++;
      }
      expect(await known, `round ${round}`).not.toBeNull();
    }
    expect(limited + unknown).toBe(100_000);
    // 101 seconds have begun, and the known token is looked up every 5 s.
    expect(lookup.counts.reads).toBeLessThanOrEqual(101 * MAX_UNKNOWN_PER_SECOND + 25);
    expect(lookup.counts.unknown).toBeLessThanOrEqual(10_000);
    expect(lookup.counts.known).toBe(1);
  });

  test('one id that is asked for again and again is one question in 5 s', async () => {
    await using server = await startNats();
    const access = await prepareAccess(server);
    const logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
    const lookup = createTokenLookup({ ...access.at, logger, clock: () => 0 });
    const { id } = makeToken();
    for (let round = 0; round < 10; round++) {
      await Promise.all(Array.from({ length: 100 }, () => lookup.find(id, 10_000)));
    }
    expect(lookup.counts.reads).toBe(1);
  });
});
