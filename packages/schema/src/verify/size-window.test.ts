/** How long a size is remembered. The chains are longer than that, so the project `plain` leaves them out. */
import { describe, expect, it } from 'vitest';
import { makeChain } from '../../test-support/chain.ts';
import { erase, forge, other, run, skip, upload } from '../../test-support/verdicts.ts';
import type { JsonObject } from '../json/json.ts';
import { SIZE_WINDOW } from '../ledger/size-memory.ts';
import type { Volume } from '../ledger/volume.ts';

describe('a size', () => {
  it(`is known for ${SIZE_WINDOW} entries and not for one more`, () => {
    // Of the first upload one entry too late, of the other one just in time.
    const filler = Array.from({ length: SIZE_WINDOW - 2 }, () => other);
    const { lines } = makeChain('acme', [upload(1), other, upload(2), ...filler, skip(1), skip(2)]);
    const volumes = lines.slice(-2).map((line) => JSON.parse(line) as JsonObject);
    expect(volumes).toMatchObject([
      { core: { seq: SIZE_WINDOW + 2, volume: { bytes: null } } },
      { core: { seq: SIZE_WINDOW + 3, volume: { bytes: '5' } } },
    ]);
    expect(run(lines)).toMatchObject({ verdict: 'ok', entries: SIZE_WINDOW + 3 });
  });

  it('is taken from what was erased or is not at hand for as long as it would have been otherwise', () => {
    const five: Volume = { kind: 'upload', bytes: '5' };
    const event: JsonObject = { orgid: 'acme', type: 'casartifact.uploaded', data: { digest: 'a', skipped: true } };
    for (const between of [SIZE_WINDOW - 1, SIZE_WINDOW]) {
      const filler = Array.from({ length: between }, () => ({ event: { orgid: 'acme' } }));
      const lines = forge([
        { event: {}, volume: five },
        ...filler,
        { event, volume: { kind: 'deduplicated', bytes: '5', from: 1 } },
      ]);
      const verdict = between < SIZE_WINDOW ? 'ok' : 'tampered';
      expect(run(lines.with(0, erase(lines[0] as string))).verdict).toBe(verdict);
      expect(run(lines.slice(1), { fromSeq: 2 }).verdict).toBe(verdict);
    }
  });
});
