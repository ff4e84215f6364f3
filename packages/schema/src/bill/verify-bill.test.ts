import { webcrypto } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { keys, makeTestBill, makeTestStatement, signer } from '../../test-support/bill.ts';
import { makeChain } from '../../test-support/chain.ts';
import { headAt, other, skip, upload } from '../../test-support/verdicts.ts';
import { canonicalJson } from '../json/canonical.ts';
import type { JsonObject } from '../json/json.ts';
import { BILL_ANCHORED, BILL_NOT_CHECKED, BILL_PROVEN, BILL_STATED } from './bill-report.ts';
import type { Core } from '../ledger/entry.ts';
import { parseEntry } from '../ledger/parse-entry.ts';
import { type Bill, formatBill, signBill } from './bill.ts';
import { makeStatement } from './statement.ts';
import { verifyBill, verifyBillAsync } from './verify-bill.ts';

const { lines } = makeChain(
  'acme',
  [upload(1), skip(1), upload(2, null), { ...other, producer: 1 }, upload(3, 7, 2), upload(1, 5, 1), upload(4, 1, 1)],
  (n) => [1, 2, 3, 5, 1, 6, 7][n - 1] as number,
);
const at = (second: number): string => `2026-01-01T00:00:${String(second).padStart(2, '0')}.000Z`;
// Entries are at the seconds 1 to 7. The first cut has nothing before it, the second and third the same entry.
const ats = [at(0), at(3), at(3).replace('.000', '.001'), at(5), at(6)];
const bill = makeTestBill({ lines, ats });
const signed = makeTestBill({ lines, ats, signer });

function change(text: string, edit: (bill: Bill) => unknown): string {
  const copy = JSON.parse(text) as Bill;
  edit(copy);
  return `${canonicalJson(copy as unknown as JsonObject)}\n`;
}

const whats = (scopes: readonly { what: string }[]): string[] => scopes.map(({ what }) => what);

describe('a bill that nothing confirms', () => {
  it('is ok and unanchored, and says who states what', () => {
    const report = verifyBill(bill);
    expect(report).toMatchObject({ verdict: 'ok', summary: 'ok, unanchored', problem: null, anchored: [] });
    expect(report.proven).toEqual([
      { what: BILL_PROVEN.lines, count: 4 },
      { what: BILL_PROVEN.between, count: 5 },
    ]);
    expect(whats(report.stated)).toEqual([
      BILL_STATED.chain,
      BILL_STATED.bounds,
      BILL_STATED.completeness,
      BILL_STATED.issuer,
    ]);
    expect(report.statement?.completeness).toMatchObject({ unknown: '1', missing: '1', open: { count: '2' } });
    expect(report.statement?.usage).toMatchObject({ events: '5', uploads: { count: '3', bytes: '12', unknown: '1' } });
  });

  it('rests on its issuer where the chain has not gone on', () => {
    const report = verifyBill(makeTestBill({ lines: lines.slice(0, 5), ats }));
    expect(report.stated).toContainEqual({ what: BILL_STATED.between, count: 1 });
    const without = change(bill, ({ anchors }) => delete (anchors as { after?: unknown }).after);
    expect(verifyBill(without).stated).toContainEqual({ what: BILL_STATED.between, count: 5 });
  });

  it('of no usage has zeros', () => {
    const report = verifyBill(makeTestBill({ lines: [], ats: [at(0), at(1)] }));
    expect(report).toMatchObject({ verdict: 'ok', summary: 'ok, unanchored' });
    expect(report.statement?.lines).toMatchObject([{ events: '0', uploads: { count: '0', bytes: '0', unknown: '0' } }]);
  });

  it('lists anchors that are not known as not checked, and a watermark', () => {
    const grown = change(signed, ({ anchors }) =>
      Object.assign(anchors, { checkpoint: 'x', proofs: [], watermark: 9 }),
    );
    expect(verifyBill(grown, { keys }).not_checked).toEqual(
      expect.arrayContaining([
        { what: BILL_NOT_CHECKED.watermark, count: 1 },
        { what: BILL_NOT_CHECKED.anchors, count: 2 },
      ]),
    );
  });
});

describe('a signature', () => {
  it('is verified by a key that the caller has', () => {
    expect(verifyBill(signed, { keys }).proven).toContainEqual({ what: BILL_PROVEN.signed, count: 1 });
    expect(verifyBill(signed).not_checked).toContainEqual({ what: BILL_NOT_CHECKED.signature, count: 1 });
  });

  it.each<[string, string, typeof keys]>([
    ['taken away', bill, keys],
    ['by another key', signed, { ...keys, find: () => null }],
    ['that does not fit', signed, { ...keys, fits: () => false }],
    ['by a key of small order', signed, { find: () => new Uint8Array(32), fits: () => true }],
    ['by a key that is none', signed, { find: () => new Uint8Array(31), fits: () => true }],
    [
      'with an S beyond the order',
      change(signed, (one) => Object.assign(one, { signature: `${'/'.repeat(85)}w==` })),
      {
        ...keys,
        fits: () => true,
      },
    ],
  ])('%s is tampered with', (_, text, given) => {
    expect(verifyBill(text, { keys: given }).verdict).toBe('tampered');
  });

  it('is checked by WebCrypto too', async () => {
    const { subtle } = webcrypto;
    const check = {
      find: keys.find,
      async fits({ publicKey, signature, text }: Parameters<typeof keys.fits>[0]): Promise<boolean> {
        const key = await subtle.importKey('raw', Uint8Array.from(publicKey), 'Ed25519', false, ['verify']);
        return subtle.verify('Ed25519', key, Uint8Array.from(signature), new TextEncoder().encode(text));
      },
    };
    expect(await verifyBillAsync(signed, { keys: check })).toEqual(verifyBill(signed, { keys }));
    const wrong = change(signed, (one) => Object.assign(one.statement, { issued_by: 'Else' }));
    expect(await verifyBillAsync(wrong, { keys: check })).toMatchObject({ verdict: 'tampered' });
    expect(await verifyBillAsync('{', { keys: check })).toMatchObject({ verdict: 'unreadable' });
  });
});

describe('a head that is held elsewhere', () => {
  it('anchors the cut whose entry it is, and the cut before which it is the next', () => {
    const report = verifyBill(bill, { expect: [headAt(lines, 2)] });
    expect(report).toMatchObject({ summary: 'ok, 1 of 5 cuts anchored' });
    expect(report.anchored).toEqual([{ what: BILL_ANCHORED.heads, count: 1 }]);
    expect(verifyBill(bill, { expect: [headAt(lines, 6)] }).summary).toBe('ok, 1 of 5 cuts anchored');
    const all = [1, 2, 3, 4, 5, 6].map((seq) => headAt(lines, seq));
    expect(verifyBill(bill, { expect: all })).toMatchObject({ summary: 'ok' });
  });

  it('of another entry is not checked', () => {
    const report = verifyBill(bill, { expect: [headAt(lines, 7)] });
    expect(report.summary).toBe('ok, unanchored');
    expect(report.not_checked).toContainEqual({ what: BILL_NOT_CHECKED.heads, count: 1 });
  });

  it('that differs is tampering, and so are two that differ', () => {
    const wrong = { seq: 2, hash: headAt(lines, 3).hash };
    expect(verifyBill(bill, { expect: [wrong] }).verdict).toBe('tampered');
    expect(verifyBill(bill, { expect: [{ ...wrong, seq: 99 }, headAt(lines, 7), { ...wrong, seq: 7 }] }).verdict).toBe(
      'tampered',
    );
  });
});

describe('a replay', () => {
  it('anchors all cuts, and shows what of completeness a chain can show', () => {
    const report = verifyBill(bill, { replay: { lines } });
    expect(report).toMatchObject({ verdict: 'ok', summary: 'ok' });
    expect(report.proven).toContainEqual({ what: BILL_PROVEN.publishers, count: 2 });
    expect(report.stated).toEqual([
      { what: BILL_STATED.bounds, count: 5 },
      { what: BILL_STATED.completeness, count: 4 },
      { what: BILL_STATED.issuer, count: 1 },
    ]);
  });

  it('may end with the last cut, and begin after the first entry', () => {
    const cut = { lines: lines.slice(0, 5) };
    expect(verifyBill(bill, { replay: cut }).not_checked).toContainEqual({ what: BILL_NOT_CHECKED.after, count: 1 });
    const part = makeTestBill({ lines, ats: ats.slice(1) });
    const report = verifyBill(part, { replay: { lines: lines.slice(1), fromSeq: 2 } });
    expect(report).toMatchObject({ summary: 'ok' });
    expect(report.stated).toContainEqual({ what: BILL_STATED.completeness, count: 6 });
  });

  it('that lacks the entry of a cut is truncated', () => {
    expect(verifyBill(bill, { replay: { lines: lines.slice(0, 4) } }).verdict).toBe('truncated');
    expect(verifyBill(bill, { replay: { lines: [] } }).verdict).toBe('truncated');
    expect(verifyBill(bill, { replay: { lines: lines.slice(2), fromSeq: 3 } }).verdict).toBe('truncated');
    expect(verifyBill(bill, { replay: { lines }, expect: [{ seq: 9, hash: '0'.repeat(64) }] }).verdict).toBe(
      'truncated',
    );
  });

  it('that begins late anchors no cut that says that nothing was there', () => {
    const { statement } = makeTestStatement({ lines, ats: [at(2), at(4), at(6)] });
    const { usage: _, lines: __, from: ___, to: ____, issued_by: issuedBy, ...rest } = statement;
    // What the first entry used was billed before: the forger bills it again.
    const cuts = statement.cuts.map((cut, i) => (i === 0 ? { ...cut, before: null } : cut));
    const forged = formatBill(signBill(makeStatement({ ...rest, issuedBy, cuts }), {}, null));
    expect(verifyBill(forged, { replay: { lines } }).verdict).toBe('tampered');
    const report = verifyBill(forged, { replay: { lines: lines.slice(1), fromSeq: 2 } });
    expect(report).toMatchObject({ verdict: 'ok', summary: 'ok, 2 of 3 cuts anchored' });
    expect(report.anchored).toEqual([{ what: BILL_ANCHORED.replay, count: 2 }]);
    expect(report.stated).toContainEqual({ what: BILL_STATED.chain, count: 1 });
    expect(report.not_checked).toContainEqual({ what: BILL_NOT_CHECKED.cuts, count: 1 });
  });

  it('of an empty chain anchors a bill of zeros', () => {
    const empty = makeTestBill({ lines: [], ats: [at(0), at(1)] });
    expect(verifyBill(empty, { replay: { lines: [] } })).toMatchObject({ verdict: 'ok', summary: 'ok' });
    const begunLate = verifyBill(empty, { replay: { lines: [], fromSeq: 2 } });
    expect(begunLate).toMatchObject({ verdict: 'ok', summary: 'ok, unanchored' });
    expect(verifyBill(empty, { replay: { lines: ['x'] } }).verdict).toBe('unreadable');
    expect(verifyBill(empty, { replay: { lines: lines.slice(0, 1) } }).verdict).toBe('ok');
    const late = makeTestBill({ lines: [], ats: [at(0), at(2)] });
    expect(verifyBill(late, { replay: { lines: lines.slice(0, 1) } })).toMatchObject({ verdict: 'tampered' });
  });

  it('that is another chain, or was tampered with, is tampered', () => {
    expect(verifyBill(bill, { replay: { lines: makeChain('other', [upload(1)]).lines } }).verdict).toBe('tampered');
    expect(verifyBill(bill, { replay: { lines: lines.toSpliced(1, 1) } }).verdict).toBe('tampered');
    const another = makeChain('acme', [upload(1), skip(1), upload(2, 8), upload(3), upload(4), upload(5)]).lines;
    expect(verifyBill(bill, { replay: { lines: another } }).problem).toContain('in the bill');
  });

  it('shows a bill that lies about completeness', () => {
    const less = change(bill, ({ statement }) => Object.assign(statement.completeness, { missing: '0' }));
    expect(verifyBill(less).verdict).toBe('ok');
    expect(verifyBill(less, { replay: { lines } }).problem).toContain('completeness.missing is 0');
    const open = change(bill, ({ statement }) =>
      Object.assign(statement.completeness, { open: { count: '0', publishers: [] } }),
    );
    expect(verifyBill(open, { replay: { lines } }).problem).toContain('completeness.open');
  });

  it('shows entries after a cut that are not those of the chain', () => {
    const forged = change(bill, ({ anchors }) =>
      Object.assign(anchors.after?.at(-1) as object, { event_hash: '0'.repeat(64) }),
    );
    expect(verifyBill(forged).verdict).toBe('ok');
    expect(verifyBill(forged, { replay: { lines } }).verdict).toBe('tampered');
  });
});

describe('the bounds', () => {
  const zone = 'Europe/Berlin';
  const november = { lines: [], zone, period: '2026-11' };
  const days = ['2026-10-31T23:00:00.000Z', '2026-11-15T23:00:00.000Z', '2026-11-30T23:00:00.000Z'];

  it('are checked with the same time zone data only', () => {
    const text = makeTestBill({ ...november, ats: days });
    expect(verifyBill(text, { tz: '2026a' }).proven).toContainEqual({ what: BILL_PROVEN.bounds, count: 3 });
    for (const tz of ['2026b', undefined]) {
      const report = verifyBill(text, tz === undefined ? {} : { tz });
      expect(report.not_checked).toContainEqual({ what: BILL_NOT_CHECKED.bounds, count: 3 });
    }
    const unknown = makeTestBill({ ...november, zone: 'Mars/Olympus', ats: days });
    expect(verifyBill(unknown, { tz: '2026a' }).not_checked).toContainEqual({
      what: BILL_NOT_CHECKED.bounds,
      count: 3,
    });
  });

  it.each([
    ['from', days.with(0, '2026-11-01T00:00:00.000Z')],
    ['from', days.with(0, '2026-10-31T22:59:59.999Z')],
    ['to', days.with(2, '2026-11-30T22:00:00.000Z')],
    ['to', days.with(2, '2026-12-01T23:00:00.000Z')],
  ])('that are not those of the period are found: %s', (name, wrong) => {
    const report = verifyBill(makeTestBill({ ...november, ats: wrong }), { tz: '2026a' });
    expect(report).toMatchObject({ verdict: 'tampered', problem: expect.stringContaining(`${name} is`) });
  });

  it.each([
    ['2026', ['2025-12-31T23:00:00.000Z', '2026-12-31T23:00:00.000Z'], zone],
    ['2026-W01', ['2025-12-28T23:00:00.000Z', '2026-01-04T23:00:00.000Z'], zone],
    ['2026-03-29', ['2026-03-28T23:00:00.000Z', '2026-03-29T22:00:00.000Z'], zone],
    // No midnight there on that day, and no December 30 here.
    ['2015-10-18', ['2015-10-18T03:00:00.000Z', '2015-10-19T02:00:00.000Z'], 'America/Sao_Paulo'],
    ['2011-12', ['2011-12-01T10:00:00.000Z', '2011-12-31T10:00:00.000Z'], 'Pacific/Apia'],
  ])('of the period %s are right', (period, of, zone) => {
    const report = verifyBill(makeTestBill({ lines: [], ats: of, period, zone }), { tz: '2026a' });
    expect(report).toMatchObject({ verdict: 'ok', problem: null });
    expect(report.proven).toContainEqual({ what: BILL_PROVEN.bounds, count: 2 });
  });

  it('within a day are not checked', () => {
    const text = makeTestBill({ ...november, ats: days.with(1, '2026-11-15T22:00:00.000Z') });
    expect(verifyBill(text, { tz: '2026a' }).not_checked).toContainEqual({ what: BILL_NOT_CHECKED.others, count: 1 });
  });
});

describe('an edited bill', () => {
  it.each<[string, (bill: Bill) => unknown]>([
    ['a line', ({ statement }) => Object.assign(statement.lines[1] as object, { events: '9' })],
    ['usage', ({ statement }) => Object.assign(statement.usage, { events: '9' })],
    ['unknown', ({ statement }) => Object.assign(statement.completeness, { unknown: '0' })],
    ['from', ({ statement }) => Object.assign(statement, { from: at(1) })],
    ['to', ({ statement }) => Object.assign(statement, { to: at(9) })],
    ['the organization', ({ statement }) => Object.assign(statement, { orgid: 'other' })],
    ['a cut', ({ statement }) => Object.assign(statement.cuts[1] as object, { before: null })],
    [
      'two cuts',
      ({ statement }) => Object.assign(statement, { cuts: statement.cuts.with(1, statement.cuts[2] as never) }),
    ],
    ['an entry after', ({ anchors }) => Object.assign(anchors, { after: anchors.after?.with(1, null) })],
    [
      'the last one',
      ({ anchors }) => Object.assign(anchors, { after: anchors.after?.with(4, anchors.after[3] as never) }),
    ],
  ])('is found: %s', (_, edit) => {
    expect(verifyBill(change(bill, edit)).verdict).toBe('tampered');
  });

  it('with a line less of all of it is found, though every number fits', () => {
    // The operator's own forgery: a later beginning, from a real entry.
    const { statement, anchors } = makeTestStatement({ lines, ats });
    const [, ...cuts] = statement.cuts;
    const forged = { ...statement, cuts: [{ at: at(0), before: cuts[0]?.before ?? null }, ...cuts] };
    expect(verifyBill(formatBill(signBill(forged, anchors, signer)), { keys }).verdict).toBe('tampered');
  });
});

describe('cuts that an issuer has made up, with all sums right and nothing after them', () => {
  const { statement } = makeTestStatement({ lines, ats: [at(2), at(4), at(6)] });
  const entries = lines.map((line) => parseEntry(line).core);
  const [first, second, third] = [entries[0], entries[1], entries[3]] as const;
  const verdictOf = (befores: readonly (Core | null | undefined)[]): string => {
    const cuts = statement.cuts.map((cut, i) => ({ ...cut, before: befores[i] ?? null }));
    const { usage: _, lines: __, from: ___, to: ____, issued_by: issuedBy, ...rest } = statement;
    return verifyBill(formatBill(signBill(makeStatement({ ...rest, issuedBy, cuts }), {}, null))).verdict;
  };

  it.each<[string, string, readonly (Core | null | undefined)[]]>([
    ['ok', 'those of the chain', [first, entries[2], entries[4]]],
    ['ok', 'the same entry thrice', [first, first, first]],
    // The second entry was received at second 2, which is before the second cut and not before the first.
    ['ok', 'a cut that leaves an entry for the next line', [first, second, entries[4]]],
    ['tampered', 'an entry that was received before the cut before', [null, null, entries[2]]],
    ['tampered', 'the next entry, with another link', [first, second && { ...second, prev_hash: '1'.repeat(64) }]],
    ['tampered', 'a place that does not grow', [first, third && { ...third, source: { ...third.source, seq: 2 } }]],
    ['tampered', 'another core with the same number', [first, first && { ...first, event_hash: '1'.repeat(64) }]],
  ])('are %s: %s', (verdict, _, befores) => {
    const [, , last = befores.at(-1)] = befores;
    expect(verdictOf([befores[0], befores[1], last])).toBe(verdict);
  });
});
