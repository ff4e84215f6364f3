import { type Scope, SCOPES } from '@waybill/schema/routes';
import { JWT_ALGORITHMS } from './access-environment.ts';
import { badConfig, type Environment } from './environment.ts';
import { isLoopback } from './loopback.ts';

/** Which JWTs are accepted, and what they allow. */
export interface JwtConfig {
  readonly issuer: string;
  readonly audience: string;
  /** https, or http on a loopback address. */
  readonly jwksUrl: string;
  /** Asymmetric ones only. */
  readonly algorithms: readonly string[];
  /** A name, or a JSON pointer (RFC 6901). */
  readonly scopesClaim: string;
  /** By value of that claim. */
  readonly scopes: ReadonlyMap<string, readonly Scope[]>;
  /** A name, or a JSON pointer. */
  readonly organizationsClaim: string;
  /** How far ahead `exp` may be, in milliseconds. */
  readonly maxAgeMs: number;
}

/** They come together: none of them has a value that is safe for everybody. */
const REQUIRED = [
  'WAYBILL_JWT_ISSUER',
  'WAYBILL_JWT_AUDIENCE',
  'WAYBILL_JWT_JWKS_URL',
  'WAYBILL_JWT_SCOPES',
  'WAYBILL_JWT_ORGANIZATIONS_CLAIM',
] as const;

/** @returns null when no JWT is accepted @throws ConsumerError BAD_CONFIG naming the variable */
export function jwtConfig(env: Environment): JwtConfig | null {
  const missing = REQUIRED.filter((name) => env[name] === undefined);
  if (missing.length === REQUIRED.length) return null;
  if (missing.length > 0) {
    const set = REQUIRED.filter((name) => env[name] !== undefined);
    throw badConfig(`${set.join(', ')} set and ${missing.join(', ')} not: expected all of them or none`);
  }
  return {
    issuer: env.WAYBILL_JWT_ISSUER as string,
    audience: env.WAYBILL_JWT_AUDIENCE as string,
    jwksUrl: jwksUrl(env.WAYBILL_JWT_JWKS_URL as string),
    algorithms: algorithms(env.WAYBILL_JWT_ALGORITHMS),
    scopesClaim: env.WAYBILL_JWT_SCOPES_CLAIM,
    scopes: scopes(env.WAYBILL_JWT_SCOPES as string),
    organizationsClaim: env.WAYBILL_JWT_ORGANIZATIONS_CLAIM as string,
    maxAgeMs: env.WAYBILL_JWT_MAX_HOURS * 3_600_000,
  };
}

/** Whoever can answer in the place of this URL can make tokens for everybody. */
function jwksUrl(text: string): string {
  const bad = (): Error => badConfig('WAYBILL_JWT_JWKS_URL: expected an https URL, or http on a loopback address');
  if (!URL.canParse(text)) throw bad();
  const { protocol, hostname, username, password, href } = new URL(text);
  const isSafe = protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
  if (!isSafe || username !== '' || password !== '') throw bad();
  return href;
}

function algorithms(text: string): readonly string[] {
  const given = words(text, ',');
  const unknown = given.find((name) => !(JWT_ALGORITHMS as readonly string[]).includes(name));
  if (given.length > 0 && unknown === undefined) return given;
  throw badConfig(
    `WAYBILL_JWT_ALGORITHMS is ${JSON.stringify(text)}: expected some of ${JWT_ALGORITHMS.join(', ')}, comma-separated`,
  );
}

function scopes(text: string): ReadonlyMap<string, readonly Scope[]> {
  const bad = (): Error =>
    badConfig(
      `WAYBILL_JWT_SCOPES is ${JSON.stringify(text)}: expected value=scope,scope;value=scope with scopes of ${SCOPES.join(', ')}`,
    );
  const map = new Map<string, readonly Scope[]>();
  for (const row of words(text, ';')) {
    const cut = row.lastIndexOf('=');
    const value = row.slice(0, cut).trim();
    const allowed = words(row.slice(cut + 1), ',');
    const isKnown = allowed.every((scope) => (SCOPES as readonly string[]).includes(scope));
    if (cut < 1 || value === '' || map.has(value) || allowed.length === 0 || !isKnown) throw bad();
    map.set(value, allowed as Scope[]);
  }
  if (map.size === 0) throw bad();
  return map;
}

function words(text: string, separator: string): string[] {
  return text
    .split(separator)
    .map((word) => word.trim())
    .filter((word) => word !== '');
}
