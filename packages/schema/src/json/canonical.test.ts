import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyJson } from '../../test-support/json.ts';
import { partOf } from '../../test-support/part.ts';
import { findVectors, listVectors, readVector } from '../../test-support/vectors.ts';
import { canonicalJson, MAX_DEPTH } from './canonical.ts';
import type { Json } from './json.ts';
import { parseJson } from './parse-json.ts';

const vectors = findVectors('jcs/input');
const expected = findVectors('jcs/output');

describe('canonicalJson', () => {
  it('equals the reference implementation', () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        expect(canonicalJson(value)).toBe(canonicalize(value));
      }),
      { numRuns: partOf(5000) },
    );
  });

  it.skipIf(!vectors)('has the RFC 8785 vectors beside the repository', () => {
    expect(listVectors(vectors).length).toBeGreaterThan(0);
  });

  it.each(listVectors(vectors))('agrees with RFC 8785 on %s', (name) => {
    const value = JSON.parse(readVector(vectors as string, name)) as Json;
    expect(canonicalJson(value)).toBe(readVector(expected as string, name).trimEnd());
  });

  it('is a fixed point', () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(parseJson(text))).toBe(text);
      }),
    );
  });

  it('sorts by UTF-16 code units, not by code points', () => {
    expect(canonicalJson({ '\ufb33': 1, '😀': 2, '\r': 3, '1': 4 })).toBe('{"\\r":3,"1":4,"😀":2,"\ufb33":1}');
  });

  it(`allows ${MAX_DEPTH} levels and no more`, () => {
    const nested = (levels: number): Json => JSON.parse('['.repeat(levels) + ']'.repeat(levels)) as Json;
    expect(canonicalJson(nested(MAX_DEPTH))).toHaveLength(2 * MAX_DEPTH);
    expect(() => canonicalJson(nested(MAX_DEPTH + 1))).toThrow('nested more than 64 levels');
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    expect(() => canonicalJson(cycle as Json)).toThrow('nested more than 64 levels');
  });

  it.each([
    [Number.NaN, '/a/0 is NaN'],
    [Number.POSITIVE_INFINITY, '/a/0 is Infinity'],
    [undefined, '/a/0 is a undefined'],
    [1n, '/a/0 is a bigint'],
    [() => 0, '/a/0 is a function'],
    [Symbol('s'), '/a/0 is a symbol'],
    [new Date(0), '/a/0 is an object that is not plain'],
    [new Map(), '/a/0 is an object that is not plain'],
    ['\ud800', '/a/0 is a string with a lone surrogate'],
    [{ 'x/y~': { '\udc00': 1 } }, '/a/0/x~1y~0/\udc00 is a string with a lone surrogate'],
  ])('refuses %s and names the place', (value, message) => {
    expect(() => canonicalJson({ a: [value] } as Json)).toThrow(
      expect.objectContaining({ code: 'NOT_CANONICAL', message: `cannot be canonical JSON: ${message}` }) as Error,
    );
  });
});
