import { describe, expect, it } from 'vitest';
import { makeChain } from '../../test-support/chain.ts';
import { erase, forge, headAt, other, run, skip, upload } from '../../test-support/verdicts.ts';
import { CHECKED, NOT_CHECKED } from './verdict.ts';

describe('what a report is about', () => {
  const { lines } = makeChain('acme', [upload(1), skip(1), { ...other, producer: 1 }]);

  it('is said, and what it is not about', () => {
    expect(run(lines, { expect: [headAt(lines, 2)] })).toMatchObject({
      verdict: 'ok',
      checked: [
        { what: CHECKED.entries, count: 3 },
        { what: CHECKED.volumes, count: 3 },
        { what: CHECKED.numbers, count: 3 },
        { what: CHECKED.heads, count: 1 },
      ],
      not_checked: [{ what: NOT_CHECKED.audit, count: 3 }],
    });
  });

  it('is not the content of a chain whose events are all erased', () => {
    const { verdict, checked, not_checked } = run(lines.map(erase));
    expect([verdict, checked.map(({ what }) => what)]).toEqual(['ok', [CHECKED.entries, CHECKED.numbers]]);
    expect(not_checked).toEqual([
      { what: NOT_CHECKED.audit, count: 3 },
      { what: NOT_CHECKED.events, count: 3 },
      { what: NOT_CHECKED.volumes, count: 3 },
    ]);
  });

  it('is not what is before the first entry at hand', () => {
    expect(run(lines.slice(1), { fromSeq: 2 }).not_checked).toEqual([
      { what: NOT_CHECKED.audit, count: 2 },
      { what: NOT_CHECKED.before, count: 1 },
      { what: NOT_CHECKED.windows, count: 2 },
      { what: NOT_CHECKED.volumes, count: 1 },
    ]);
  });

  it('is of a record of an unknown kind only that it is chained', () => {
    const records = ['rejected', 'a_kind_of_tomorrow', 7].map((kind) => ({ event: { kind } }));
    const chain = forge([...records, { event: {} }], '_system');
    expect(run(chain)).toMatchObject({
      verdict: 'ok',
      not_checked: [expect.anything(), { what: NOT_CHECKED.kinds, count: 3 }],
    });
    expect(run(chain.with(1, (chain[1] as string).replace('tomorrow', 'yesterday')))).toMatchObject({
      verdict: 'tampered',
    });
  });
});
