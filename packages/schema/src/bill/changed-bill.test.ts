/** Properties: whatever is changed in a bill is found, and what cannot be found is not called checked. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keys, makeTestBill, signer } from '../../test-support/bill.ts';
import { anySpec, fastSha256, makeChain } from '../../test-support/chain.ts';
import { partOf } from '../../test-support/part.ts';
import { canonicalJson } from '../json/canonical.ts';
import { isJsonObject, type Json, type JsonObject } from '../json/json.ts';
import { BILL_NOT_CHECKED } from './bill-report.ts';
import { verifyBill, type VerifyBillOptions } from './verify-bill.ts';

const START = Date.UTC(2026, 0, 1);
const ENTRIES = { minLength: 1, maxLength: 10 };
/** Entries are at the seconds 1, 2, 3 …, so that cuts fall before all, on one, between two and after all. */
const anyCuts = fc
  .uniqueArray(fc.integer({ min: 0, max: 22 }), { minLength: 2, maxLength: 6 })
  .map((halves) => halves.toSorted((a, b) => a - b).map((half) => new Date(START + half * 500).toISOString()));

/** A chain that has gone on after all cuts. */
const anyLongChain = fc.array(anySpec, ENTRIES).map((specs) => {
  const last = { what: 'other', artifact: 0, bytes: 0, producer: 3 } as const;
  return makeChain('acme', [...specs, ...Array.from({ length: 13 - specs.length }, () => last)]).lines;
});

const isOk = (file: string | Uint8Array, options: VerifyBillOptions = {}): boolean =>
  verifyBill(file, { sha256: fastSha256, ...options }).verdict === 'ok';

function withByte(text: string, at: number, byte: number): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  const place = at % bytes.length;
  bytes[place] = bytes[place] === byte ? byte ^ 1 : byte;
  return bytes;
}

describe('a signed bill', () => {
  it('is good, whatever its chain and its cuts are', () => {
    fc.assert(
      fc.property(fc.array(anySpec, { maxLength: 10 }), anyCuts, (specs, ats) => {
        const { lines } = makeChain('acme', specs);
        const bill = makeTestBill({ lines, ats, signer });
        const report = verifyBill(bill, { keys, replay: { lines }, sha256: fastSha256 });
        expect(report).toMatchObject({ verdict: 'ok', summary: 'ok', problem: null });
      }),
    );
  });

  it('shows every changed byte to whoever has the key and the chain', () => {
    fc.assert(
      fc.property(anyLongChain, anyCuts, fc.nat(), fc.nat(255), (lines, ats, at, byte) => {
        const bill = makeTestBill({ lines, ats, signer });
        const { verdict, not_checked } = verifyBill(withByte(bill, at, byte), {
          keys,
          replay: { lines },
          sha256: fastSha256,
        });
        // With a byte of its name changed, `after` is an anchor that a later version may know.
        const isUnknown = not_checked.some(({ what }) => what === BILL_NOT_CHECKED.anchors);
        expect(verdict !== 'ok' || isUnknown).toBe(true);
      }),
      { numRuns: partOf(250) },
    );
  });

  it('shows every byte to whoever has the key, but for what it calls not checked', () => {
    const { lines } = makeChain(
      'acme',
      Array.from({ length: 4 }, (_, i) => ({ what: 'upload', artifact: i, bytes: i, producer: 1 })),
    );
    const ats = [500, 2500, 3500].map((ms) => new Date(START + ms).toISOString());
    const bill = makeTestBill({ lines, ats, signer });
    const good = verifyBill(bill, { keys });
    const anchors = bill.indexOf(',"keyid"');
    let unseen = 0;
    for (let at = 0; at < bill.length; at++) {
      const changed = withByte(bill, at, bill.charCodeAt(at) ^ 1);
      const report = verifyBill(changed, { keys, sha256: fastSha256 });
      if (report.verdict !== 'ok') continue;
      unseen++;
      expect(at).toBeLessThan(anchors);
      // No more is said of this one: the same, or less where `after` is called something else.
      expect(report.statement).toEqual(good.statement);
      expect(good.proven).toEqual(expect.arrayContaining([...report.proven]));
    }
    expect(unseen).toBeGreaterThan(0);
    expect(good.not_checked).toContainEqual({ what: BILL_NOT_CHECKED.after, count: 3 });
  });
});

/** Each value below a member, by its path. */
function leavesOf(value: Json, path: readonly string[]): (readonly string[])[] {
  if (Array.isArray(value)) return value.flatMap((one: Json, i) => leavesOf(one, [...path, String(i)]));
  if (!isJsonObject(value)) return [path];
  return Object.entries(value).flatMap(([name, one]) => leavesOf(one, [...path, name]));
}

/** The same form, and another value. */
function otherValue(value: Json, by: number): Json {
  if (typeof value === 'number') return value + by;
  if (value === null) return String(by);
  const text = typeof value === 'string' ? value : canonicalJson(value);
  if (/^\d{1,32}$/.test(text)) return String(BigInt(text) + BigInt(by));
  if (/^\d{4}-.*Z$/.test(text)) return new Date(Date.parse(text) + by).toISOString();
  if (/^[0-9a-f]{64}$/.test(text)) return `${text.startsWith('0') ? '1' : '0'}${text.slice(1)}`;
  return `${text}x`;
}

function withLeaf(root: JsonObject, [name = '', ...rest]: readonly string[], by: number): JsonObject {
  const copy = (Array.isArray(root) ? [...root] : { ...root }) as Record<string, Json>;
  copy[name] = rest.length === 0 ? otherValue(copy[name] as Json, by) : withLeaf(copy[name] as JsonObject, rest, by);
  return copy;
}

describe('a bill that is not signed', () => {
  const paths = ['from', 'to', 'usage', 'cuts', 'lines'];
  const textOf = (bill: JsonObject): string => `${canonicalJson(bill)}\n`;

  it('shows every changed number, bound and cut', () => {
    fc.assert(
      fc.property(anyLongChain, anyCuts, fc.nat(), fc.integer({ min: 1, max: 2000 }), (lines, ats, which, by) => {
        const bill = JSON.parse(makeTestBill({ lines, ats })) as { statement: JsonObject };
        expect(isOk(textOf(bill as unknown as JsonObject))).toBe(true);
        const leaves = paths.flatMap((name) => leavesOf(bill.statement[name] as Json, ['statement', name]));
        leaves.push(['statement', 'completeness', 'unknown']);
        const changed = withLeaf(bill, leaves[which % leaves.length] as string[], by);
        expect(isOk(textOf(changed))).toBe(false);
      }),
      { numRuns: partOf(250) },
    );
  });

  it('shows that a cut, a line or both were taken out, doubled or moved', () => {
    fc.assert(
      fc.property(anyLongChain, anyCuts, fc.nat(), fc.nat(2), (lines, ats, which, how) => {
        const bill = JSON.parse(makeTestBill({ lines, ats })) as Record<string, Record<string, Json[]>>;
        const { cuts = [], lines: rows = [] } = bill['statement'] ?? {};
        const i = which % cuts.length;
        const edit = (list: Json[]): Json[] =>
          how === 0 ? list.toSpliced(i, 1) : how === 1 ? list.toSpliced(i, 0, list[i] ?? null) : list.toReversed();
        const without = { ...bill, statement: { ...bill['statement'], cuts: edit(cuts) } };
        const both = { ...bill, statement: { ...bill['statement'], cuts: edit(cuts), lines: edit(rows) } };
        for (const one of [without, both]) expect(isOk(textOf(one as unknown as JsonObject))).toBe(false);
      }),
    );
  });
});
