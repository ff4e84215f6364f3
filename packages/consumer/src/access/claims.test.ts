import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JwtConfig } from '../config/jwt-config.ts';
import { ClaimFault, organizationsOf, scopesOf } from './claims.ts';

const config = (scopesClaim: string, organizationsClaim = scopesClaim): JwtConfig => ({
  issuer: 'i',
  audience: 'a',
  jwksUrl: 'https://i/',
  algorithms: ['ES256'],
  scopesClaim,
  scopes: new Map([['r', ['usage:read']]]),
  organizationsClaim,
  maxAgeMs: 1,
});

test('at most 1,000 organizations', () => {
  const names = (count: number) => ({ o: Array.from({ length: count }, (_, i) => `n${i}`) });
  expect(organizationsOf(names(1_000), config('o')).size).toBe(1_000);
  expect(() => organizationsOf(names(1_001), config('o'))).toThrow(ClaimFault);
});

test('a pointer walks members of objects, and nothing that was inherited', () => {
  const claims = { a: { 'b/c~d': ['x'] }, list: ['y'] };
  expect([...organizationsOf(claims, config('/a/b~1c~0d'))]).toEqual(['x']);
  for (const pointer of [
    '/a',
    '/a/b',
    '/list/0',
    '/constructor/name',
    '/a/__proto__',
    '/',
    'constructor',
    '__proto__',
  ]) {
    expect(() => organizationsOf(claims, config(pointer)), pointer).toThrow(ClaimFault);
    expect(scopesOf(claims, config(pointer)).size, pointer).toBe(0);
  }
});

test('whatever a claim is, only names of organizations come of it', () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      let found: ReadonlySet<string> | Error;
      try {
        found = organizationsOf({ o: value }, config('o'));
      } catch (error) {
        found = error as Error;
      }
      expect(found instanceof ClaimFault || (found as ReadonlySet<string>).size > 0).toBe(true);
      for (const name of found instanceof Error ? [] : found) expect(name).toMatch(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/);
      expect(['', 'usage:read']).toContain([...scopesOf({ o: value }, config('o'))].join());
    }),
  );
});
