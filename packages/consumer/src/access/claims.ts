/** What a JWT says about scopes and organizations, once its signature has been checked. */
import { ORGID_PATTERN } from '@waybill/schema/internal';
import type { Scope } from '@waybill/schema/routes';
import type { JwtConfig } from '../config/jwt-config.ts';
import { MAX_ORGANIZATIONS } from './token-record.ts';

/** A JWT that is well signed, and does not say what it has to say. The message is for whoever sent it. */
export class ClaimFault extends Error {}

/** Values that configuration does not list allow nothing. */
export function scopesOf(claims: object, { scopesClaim, scopes }: JwtConfig): ReadonlySet<Scope> {
  const values = namesIn(valueAt(claims, scopesClaim)) ?? [];
  return new Set(values.flatMap((value) => scopes.get(value) ?? []));
}

/**
 * The organizations that are named, each by its name: there is no wildcard.
 *
 * @throws ClaimFault when there is none, or a name that no organization can have
 */
export function organizationsOf(claims: object, { organizationsClaim: claim }: JwtConfig): ReadonlySet<string> {
  const names = namesIn(valueAt(claims, claim));
  if (names === null || names.length === 0) throw new ClaimFault(`its claim ${claim} names no organization`);
  if (names.length > MAX_ORGANIZATIONS) {
    throw new ClaimFault(`its claim ${claim} names more than ${MAX_ORGANIZATIONS} organizations`);
  }
  if (!names.every((name) => ORGID_PATTERN.test(name))) {
    throw new ClaimFault(`its claim ${claim} has a name that no organization can have`);
  }
  return new Set(names);
}

/** @returns null when the value is neither a text nor an array of texts */
function namesIn(value: unknown): string[] | null {
  if (typeof value === 'string') return value.split(/[ ,]+/).filter((name) => name !== '');
  return Array.isArray(value) && value.every((name) => typeof name === 'string') ? value : null;
}

/** @param claim the name of a claim, or a JSON pointer (RFC 6901), which begins with a slash */
function valueAt(claims: object, claim: string): unknown {
  if (!claim.startsWith('/')) return own(claims, claim);
  const steps = claim
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  let value: unknown = claims;
  for (const step of steps) value = own(value, step);
  return value;
}

function own(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name))
    return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}
