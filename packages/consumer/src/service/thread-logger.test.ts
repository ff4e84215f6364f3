import { expect, test } from 'vitest';
import { ConsumerError } from '../errors.ts';
import type { FromThread } from './run-reader-thread.ts';
import { createThreadLogger } from './thread-logger.ts';

/** What arrives in the other thread. */
function logged(fields: object): unknown {
  const arrived: FromThread[] = [];
  createThreadLogger((message) => void arrived.push(structuredClone(message))).error(fields, 'no answer');
  expect(arrived).toHaveLength(1);
  expect(arrived[0]).toMatchObject({ kind: 'log', level: 'error', message: 'no answer' });
  return (arrived[0] as FromThread & { kind: 'log' }).fields;
}

test('errors arrive with their codes and their causes', () => {
  const cause = Object.assign(new Error('inside'), { code: 10_003 });
  expect(logged({ err: new ConsumerError('NO_STREAM', 'outside', { cause }), path: '/v1' })).toMatchObject({
    err: { code: 'NO_STREAM', message: 'outside', cause: { code: 10_003, message: 'inside' } },
    path: '/v1',
  });
});

test('what cannot be sent to another thread ends nothing', () => {
  const inLoop = new Error('loop');
  inLoop.cause = inLoop;
  for (const err of [new Error('x', { cause: { close: () => undefined } }), inLoop])
    expect(logged({ err })).toMatchObject({ err: { message: err.message } });
  expect(logged({ close: () => undefined })).toEqual({ unsent: ['close'] });
});
