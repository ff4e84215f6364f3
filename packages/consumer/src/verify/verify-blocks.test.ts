import { canonicalJson } from '@waybill/schema';
import { emptyChain, appendLine, formatBlock, formatTrailer, NO_VOLUME } from '@waybill/schema/internal';
import { expect, test } from 'vitest';
import { createBlockVerifier } from './verify-blocks.ts';

const encoder = new TextEncoder();

function block(): Uint8Array {
  const chain = emptyChain('acme');
  const line = appendLine(chain.head, {
    received: '2026-01-05T09:00:00.000Z',
    source: { stream: 'AUDIT', seq: 1, subject: 'audit.thing.done.acme' },
    origin: null,
    event: canonicalJson({ orgid: 'acme' }),
    volume: NO_VOLUME,
  });
  return encoder.encode(formatBlock([line], formatTrailer(chain, 1, 1)));
}

test('what is no block is for the report', () => {
  for (const text of ['', 'nonsense', 'a\nb\n', '\u{1b}\n\u{1b}\n']) {
    const verifier = createBlockVerifier({ onEntry: () => null });
    verifier.push({ seq: 3, orgid: 'acme', payload: encoder.encode(text) });
    expect(verifier.finish()).toMatchObject([
      { verdict: 'tampered', problem: { detail: expect.stringContaining('block 3 of the stream is none') } },
    ]);
  }
});

test('an error of our own is nobody else’s fault', () => {
  const verifier = createBlockVerifier({
    onEntry() {
      throw new TypeError('Map.groupBy is not a function');
    },
  });
  const push = () => verifier.push({ seq: 1, orgid: 'acme', payload: block() });
  expect(push).toThrow(TypeError);
});
