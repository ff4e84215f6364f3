/** Holds bills in `docs/reference/format.md` §14, in `docs/reference/format-example.py` and in the code to each other. */
import { spawnSync } from 'node:child_process';
import { mkdtempDisposableSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keys, makeTestBill, makeTestStatement, PUBLIC_KEY, signer } from '../test-support/bill.ts';
import { anySpec, fastSha256, makeChain } from '../test-support/chain.ts';
import { DOCS, exampleLines, fencedBlocks } from '../test-support/docs.ts';
import { mutateText } from '../test-support/mutate-text.ts';
import { partOf } from '../test-support/part.ts';
import { hasPython } from '../test-support/python.ts';
import {
  formatBill,
  MAX_BILL_BYTES,
  MAX_CUTS,
  MAX_OPEN_LISTED,
  parseBill,
  signBill,
  verifyBill,
  VERDICT_EXIT_CODES,
} from './internal.ts';

const program = join(DOCS, 'format-example.py');
const page = readFileSync(join(DOCS, 'format.md'), 'utf8');
const text = fencedBlocks(join(DOCS, 'format.md'), 'json bill')[0] ?? '';

describe('the bill of the page', () => {
  it('verifies, with its key and its chain', () => {
    const report = verifyBill(text, { keys, tz: '2026c', replay: { lines: exampleLines('acme') } });
    expect(report).toMatchObject({ verdict: 'ok', summary: 'ok' });
    expect(report.stated).toMatchObject([{ what: expect.stringContaining('nothing received after') }, { count: 4 }]);
    expect(verifyBill(text).summary).toBe('ok, unanchored');
  });

  it('is what this code makes of the chain', () => {
    const { statement, anchors } = makeTestStatement({
      lines: exampleLines('acme'),
      ats: ['2026-01-04T23:00:00.000Z', '2026-01-05T23:00:00.000Z'],
      period: '2026-01-05',
      zone: 'Europe/Berlin',
    });
    const completeness = { ...statement.completeness, rejected: '2' };
    const stated = { ...statement, tz: '2026c', issued_by: 'Example GmbH', completeness };
    expect(formatBill(signBill(stated, anchors, signer))).toBe(text);
    expect(formatBill(parseBill(text))).toBe(text);
  });

  it.skipIf(!hasPython)('is what python3 computes and signs without this code', () => {
    const { stdout, stderr } = spawnSync('python3', [program, 'bill'], { encoding: 'utf8' });
    expect([stderr, stdout]).toEqual(['', text]);
  });

  it('has the limits of the code', () => {
    for (const limit of [MAX_BILL_BYTES, MAX_CUTS]) expect(page).toContain(limit.toLocaleString('en'));
    expect(page).toContain(`lists at most ${MAX_OPEN_LISTED} of them`);
  });
});

/** Numbers, times and hashes with other digits; or any text. */
const anyChange = fc.oneof(
  fc.tuple(fc.nat(), fc.nat(9)).map(([at, digit]) => (bill: string): string => {
    const digits = [...bill.matchAll(/\d/g)];
    const place = digits[at % digits.length]?.index ?? 0;
    return `${bill.slice(0, place)}${digit}${bill.slice(place + 1)}`;
  }),
  mutateText,
);

describe.skipIf(!hasPython)('the verifier of bills in python', () => {
  it('checks signatures', () => {
    using folder = mkdtempDisposableSync(join(tmpdir(), 'waybill-bill-'));
    const file = join(folder.path, 'bill.json');
    const key = Buffer.from(PUBLIC_KEY).toString('base64');
    const zeros = text.replace(/"signature":"[^"]*"/, `"signature":"${'A'.repeat(86)}=="`);
    for (const [content, code] of [
      [text, 0],
      [text.replace('GmbH', 'AG'), 1],
      [zeros, 1],
      [text.replace('"keyid":"2', '"keyid":"3'), 1],
      [text.replace('{', '{ '), 4],
    ] as const) {
      writeFileSync(file, content);
      const { status, stderr } = spawnSync('python3', [program, 'verify-bill', file, key], { encoding: 'utf8' });
      expect([stderr, status]).toEqual(['', code]);
      expect(VERDICT_EXIT_CODES[verifyBill(content, { keys }).verdict]).toBe(code);
    }
  });

  it('agrees about bills of any chain, and what became of them', () => {
    const cuts = fc.uniqueArray(fc.integer({ min: 0, max: 16 }), { minLength: 2, maxLength: 5 });
    const anyBill = fc
      .tuple(fc.array(anySpec, { maxLength: 7 }), cuts, fc.boolean(), fc.boolean())
      .map(([specs, halves, isSigned, hasAfter]) =>
        makeTestBill({
          lines: makeChain('acme', specs).lines,
          ats: halves
            .toSorted((a, b) => a - b)
            .map((half) => new Date(Date.UTC(2026, 0, 1) + half * 500).toISOString()),
          signer: isSigned ? signer : null,
          hasAfter,
        }),
      );
    const cases = fc.sample(fc.tuple(anyBill, fc.array(anyChange, { maxLength: 2 })), partOf(400));
    const files = cases.map(([bill, changes]) => changes.reduce((changed, change) => change(changed), bill));
    using folder = mkdtempDisposableSync(join(tmpdir(), 'waybill-bill-'));
    for (const [i, file] of files.entries()) writeFileSync(join(folder.path, `${i}.json`), file);
    const args = [program, 'verify-bills', folder.path, String(files.length)];
    const run = spawnSync('python3', args, { encoding: 'utf8' });
    expect(run.stderr).toBe('');
    const said = run.stdout.trimEnd().split('\n');
    const found = files.map((file) => verifyBill(file, { sha256: fastSha256 }).verdict);
    for (const [i, verdict] of found.entries()) expect(said[i], files[i]).toBe(verdict);
    expect(new Set(found)).toEqual(new Set(['ok', 'tampered', 'unreadable']));
  });
});
