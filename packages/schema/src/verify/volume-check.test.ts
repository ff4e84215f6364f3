import { describe, expect, it } from 'vitest';
import { erase, forge, run } from '../../test-support/verdicts.ts';
import type { JsonObject } from '../json/json.ts';
import type { Volume } from '../ledger/volume.ts';

describe('a volume that no event vouches for', () => {
  const five = { kind: 'upload', bytes: '5' } as const;
  const forms: [string, Volume][] = [
    ['from in a download', { kind: 'download', bytes: '5', from: 1 }],
    ['from without bytes', { kind: 'deduplicated', bytes: null, from: 1 }],
    ['from itself', { kind: 'deduplicated', bytes: '5', from: 2 }],
    ['bytes of nothing', { kind: 'none', bytes: '5' }],
    ['more bytes than there are', { kind: 'upload', bytes: '9007199254740992' }],
  ];
  it.each(forms)('has its form, erased or not: %s', (_name, volume) => {
    const lines = forge([{ event: { orgid: 'acme' } }, { event: { orgid: 'acme' }, volume }]);
    for (const changed of [lines, lines.map(erase)]) {
      expect(run(changed)).toMatchObject({
        verdict: 'tampered',
        problem: { seq: 2, detail: expect.stringContaining('the line is no entry: volume.') },
      });
    }
  });
  it('is none in _system', () => {
    const lines = forge([{ event: { kind: 'gap', first: 1, last: 1 }, volume: five }], '_system').map(erase);
    expect(run(lines)).toMatchObject({ verdict: 'tampered', problem: { seq: 1 } });
  });

  const unsized: JsonObject = { orgid: 'acme', type: 'casartifact.uploaded', data: { digest: 'a', skipped: true } };
  it('is no upload because it was erased', () => {
    const lines = forge([
      { event: {}, volume: { kind: 'download', bytes: '5' } },
      { event: unsized, volume: { kind: 'deduplicated', bytes: '5', from: 1 } },
    ]);
    expect(run(lines.with(0, erase(lines[0] as string)))).toMatchObject({ verdict: 'tampered', problem: { seq: 2 } });
  });

  it('is taken from what was erased only where that is the later one of those that mention the digest', () => {
    const stated = (bytes: number): JsonObject => ({
      orgid: 'acme',
      type: 'casartifact.uploaded',
      data: { digest: 'a', size_bytes: bytes },
    });
    const seven: Volume = { kind: 'upload', bytes: '7' };
    const taken = (bytes: string, from: number): Volume => ({ kind: 'deduplicated', bytes, from });
    const of = (from: number, bytes: string): string[] =>
      forge([
        { event: stated(5), volume: five },
        { event: stated(7), volume: seven },
        { event: unsized, volume: taken(bytes, from) },
      ]);
    const erasing = (lines: string[], at: number): string[] => lines.with(at, erase(lines[at] as string));
    // The upload of 7 bytes is the later one. The erased one would not count even if it had the same digest.
    expect(run(erasing(of(1, '5'), 0))).toMatchObject({ verdict: 'tampered', problem: { seq: 3 } });
    expect(run(erasing(of(2, '7'), 0)).verdict).toBe('ok');
    // When the later one is erased, it may have the same digest or another.
    expect(run(erasing(of(2, '7'), 1)).verdict).toBe('ok');
    expect(run(erasing(of(1, '5'), 1)).verdict).toBe('ok');
    // An erased entry that passed a size on is a later mention too.
    const passed = forge([
      { event: stated(5), volume: five },
      { event: stated(7), volume: seven },
      { event: unsized, volume: taken('5', 1) },
      { event: unsized, volume: taken('5', 1) },
    ]);
    expect(run(erasing(erasing(passed, 0), 2)).verdict).toBe('ok');
    expect(run(erasing(passed, 2)).verdict).toBe('ok');
  });
});
