import { describe, expect, it } from 'vitest';
import { fastSha256, makeChain } from '../../test-support/chain.ts';
import { headAt, run, runFile, toBytes, upload } from '../../test-support/verdicts.ts';
import { canonicalJson } from '../json/canonical.ts';
import type { Json } from '../json/json.ts';
import type { Entry } from '../ledger/entry.ts';
import { NOT_CHECKED } from './verdict.ts';

describe('an entry of a version that is not known here', () => {
  const { lines } = makeChain('acme', [upload(1), upload(2), upload(3)]);
  const newer = (line: string, change: object = {}): string => {
    const { core, ...entry } = JSON.parse(line) as Entry;
    const next = { ...core, v: 2, of_tomorrow: [1], ...change } as unknown as Json;
    return canonicalJson({ ...entry, core: next, hash: fastSha256(canonicalJson(next)) });
  };

  it('ends what can be read: the verdict is neither ok nor tampered', () => {
    const changed = [lines[0] as string, newer(lines[1] as string), 'whatever comes then'];
    expect(run(changed)).toMatchObject({
      verdict: 'unreadable',
      entries: 1,
      problem: { seq: 2, detail: 'core.v is 2: version 1 is the one that is known here' },
      not_checked: [expect.anything(), { what: NOT_CHECKED.version, count: 2 }],
    });
    expect(runFile(toBytes(changed), {}, 100)).toEqual(run(changed));
    expect(run([newer(lines[0] as string)])).toMatchObject({ verdict: 'unreadable', entries: 0, problem: { seq: 1 } });
  });

  it.each<[string, (line: string) => string]>([
    ['another hash', (line) => newer(line).replace('"of_tomorrow":[1]', '"of_tomorrow":[2]')],
    ['another place', (line) => newer(line, { seq: 7 })],
    ['another link', (line) => newer(line, { prev_hash: 'f'.repeat(64) })],
    ['another organization', (line) => newer(line, { orgid: 'evil' })],
    ['other spaces', (line) => newer(line).replace('[1]', '[ 1]')],
    ['version 1, changed', (line) => line.replace('"v":1', '"v":2')],
  ])('has to be the next one all the same: %s', (_name, change) => {
    expect(run([lines[0] as string, change(lines[1] as string)])).toMatchObject({
      verdict: 'tampered',
      problem: { seq: 2 },
    });
  });
});

describe('the first line, of a version that is not known here', () => {
  const zeros = '0'.repeat(64);
  const ones = '1'.repeat(64);
  const newerLine = (change: Record<string, Json | undefined> = {}): string => {
    const core = { event_hash: '', orgid: 'acme', prev_hash: ones, seq: 2, v: 2, ...change };
    const known = JSON.parse(JSON.stringify(core)) as Json;
    return canonicalJson({ core: known, event: null, hash: fastSha256(canonicalJson(known)) });
  };

  it('has to fit the head that the caller holds of the entry before', () => {
    const from = { fromSeq: 2 };
    expect(run([newerLine()], from).verdict).toBe('unreadable');
    expect(run([newerLine()], { ...from, expect: [{ seq: 1, hash: ones }] }).verdict).toBe('unreadable');
    expect(run([newerLine()], { ...from, expect: [{ seq: 1, hash: zeros }] })).toMatchObject({
      verdict: 'tampered',
      problem: { seq: 2 },
    });
    const first = newerLine({ seq: 1, prev_hash: zeros });
    expect(run([first], { expect: [{ seq: 0, hash: zeros }] }).verdict).toBe('unreadable');
    expect(run([first], { expect: [{ seq: 0, hash: ones }] }).verdict).toBe('tampered');
    // The same for a version that is known.
    const { lines } = makeChain('acme', [upload(1), upload(2)]);
    expect(run(lines, { expect: [{ seq: 0, hash: ones }] })).toMatchObject({
      verdict: 'tampered',
      problem: { seq: 1 },
    });
    expect(run(lines.slice(1), { ...from, expect: [{ seq: 1, hash: ones }] }).verdict).toBe('tampered');
    expect(run(lines.slice(1), { ...from, expect: [headAt(lines, 1)] }).verdict).toBe('ok');
  });

  it('compares no head of its own number', () => {
    expect(run([newerLine()], { fromSeq: 2, expect: [{ seq: 2, hash: zeros }] }).verdict).toBe('unreadable');
  });

  it.each<[string, Record<string, Json | undefined>]>([
    ['no orgid', { orgid: undefined }],
    ['an orgid that is no text', { orgid: 7 }],
    ['an empty orgid', { orgid: '' }],
    ['an orgid that can be no chain', { orgid: '_x' }],
    ['no prev_hash', { prev_hash: undefined }],
    ['a prev_hash that is no text', { prev_hash: null }],
    ['a prev_hash in upper case', { prev_hash: 'A'.repeat(64) }],
    ['a prev_hash that is too short', { prev_hash: '1'.repeat(63) }],
  ])('has its form also where there is nothing to compare it with: %s', (_name, change) => {
    expect(run([newerLine(change)], { fromSeq: 2 })).toMatchObject({ verdict: 'tampered', problem: { seq: 2 } });
  });

  it.each(['_system', '_unattributed', 'acme'])('may be of the chain %s', (orgid) => {
    expect(run([newerLine({ orgid })], { fromSeq: 2 }).verdict).toBe('unreadable');
  });
});
