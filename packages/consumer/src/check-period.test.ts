import { describe, expect, test } from 'vitest';
import { checkPeriod, checkWait } from './check-period.ts';
import { openConnection, startConsumer, verifyLedger } from './index.ts';

const WRONG = [Number.NaN, -1, Number.NEGATIVE_INFINITY, '5' as never];
const TOO_LONG = [Number.POSITIVE_INFINITY, 2 ** 31, 86_400_001];
/** Nothing is asked of it: durations are checked before. */
const nothing = {} as never;

test.for([0, ...WRONG, ...TOO_LONG])('%s is no period', (ms) => {
  expect(() => checkPeriod('x', ms)).toThrow(
    expect.objectContaining({
      code: 'BAD_ARGUMENT',
      message: `x is ${ms}: expected milliseconds, more than 0 and at most 86400000`,
    }),
  );
});

test.for(WRONG)('%s is no wait', (ms) => {
  expect(() => checkWait('x', ms)).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }));
});

test('what is right is handed on', () => {
  expect([checkPeriod('x', 1), checkPeriod('x', 86_400_000), checkWait('x', 0)]).toEqual([1, 86_400_000, 0]);
  expect(checkWait('x', Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
});

describe.for([0, ...WRONG, ...TOO_LONG])('%s', (ms) => {
  test.for(['ackTimeoutMs', 'takeoverMs', 'restartMs'] as const)('is refused as %s', async (name) => {
    await expect(startConsumer({ nc: nothing, logger: nothing, [name]: ms } as never)).rejects.toThrow(
      `startConsumer: ${name} is ${ms}`,
    );
  });

  test('is refused as how long a server may take to answer', async () => {
    await expect(openConnection({ servers: ['127.0.0.1:1'] } as never, { timeoutMs: ms })).rejects.toThrow(
      `openConnection: timeoutMs is ${ms}`,
    );
  });
});

test.for(WRONG)('%s is refused as how long verification waits for the ledger', async (waitMs) => {
  await expect(verifyLedger(nothing, nothing, { waitMs })).rejects.toThrow(`verifyLedger: waitMs is ${waitMs}`);
});
