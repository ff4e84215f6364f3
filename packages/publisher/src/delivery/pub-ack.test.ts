import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createAnswerReader, readAnswer } from './pub-ack.ts';

const read = (text: string, code?: number) =>
  readAnswer({ data: new TextEncoder().encode(text), headers: code === undefined ? undefined : { code } });
const failed = (err_code: number, description: string) =>
  read(JSON.stringify({ error: { code: 503, err_code, description }, stream: 'AUDIT', seq: 0 }));

test('a PubAck, the first time and the second', () => {
  expect(read('{"stream":"AUDIT","seq":7}')).toEqual({
    kind: 'stored',
    ack: { stream: 'AUDIT', seq: 7, duplicate: false },
  });
  expect(read('{"stream":"AUDIT","domain":"x","seq":7,"duplicate":true}')).toMatchObject({ ack: { duplicate: true } });
});

test.for([
  [10077, 'maximum messages exceeded'],
  [10167, 'too many requests'],
  [10008, 'JetStream system temporarily unavailable'],
  [10023, 'insufficient resources'],
  [10158, 'duplicate message id is in process'],
  [99999, 'an error of a later server'],
] as const)('%i is tried again', ([code, description]) => {
  expect(failed(code, description)).toEqual({ kind: 'retry', detail: `${description} (${code})` });
});

test.for([
  [10054, 'message size exceeds maximum allowed'],
  [10097, 'header size exceeds maximum allowed of 64k'],
  [10077, 'message to large'],
] as const)('%i (%s) never fits', ([code, description]) => {
  expect(failed(code, description).kind).toBe('too_large');
});

test.for(['null', '[]', '1', '{', '{}', '{"stream":1,"seq":1}', '{"error":null}', '{"error":"x"}', '\ufffd'])(
  '%s is no end',
  (text) => {
    expect(read(text).kind).toBe('retry');
  },
);

test('no responders', () => {
  expect(read('', 503)).toEqual({ kind: 'retry', detail: 'no stream answers (503)' });
  expect(read('')).toMatchObject({ kind: 'retry' });
});

test('a reader that knows the stream reads any answer as one that does not', () => {
  const known = createAnswerReader();
  const answer = fc.oneof(
    fc
      .tuple(fc.constantFrom('AUDIT', 'B', 'with "quotes"'), fc.oneof(fc.maxSafeNat(), fc.nat(9)))
      .map(([stream, seq]) => JSON.stringify({ stream, seq })),
    fc.constantFrom(
      '{"stream":"AUDIT","seq":7,"duplicate":true}',
      '{"stream":"AUDIT","seq":}',
      '{"stream":"AUDIT","seq":-1}',
      '{"stream":"AUDIT","seq":1e3}',
      '{"stream":"AUDIT","seq":9007199254740993}',
      '{"stream":"AUDIT","seq":7} ',
      '{"stream":"AUDIT","domain":"hub","seq":7}',
      '{"error":{"code":503,"err_code":10077,"description":"maximum messages exceeded"},"stream":"AUDIT","seq":0}',
      '',
    ),
  );
  fc.assert(
    fc.property(answer, (text) => {
      expect(known({ data: new TextEncoder().encode(text) })).toEqual(read(text));
    }),
    { numRuns: 1_000 },
  );
});
