/**
 * JWTs of one issuer (RFC 7519, RFC 8725). Signatures are asymmetric. The keys come from the configured address and from
 * nowhere else: `jwk`, `jku` and `x5u` in a header are not looked at.
 */
import { createHash } from 'node:crypto';
import { errors, jwtVerify, type JWTPayload } from 'jose';
import type { JwtConfig } from '../config/jwt-config.ts';
import { ConsumerError } from '../errors.ts';
import { ClaimFault, organizationsOf, scopesOf } from './claims.ts';
import { createJwks, NoKeys } from './jwks.ts';
import type { Principal } from './principal.ts';

export interface JwtCheck {
  /** @throws ConsumerError UNAUTHENTICATED; UNAVAILABLE when the issuer's keys cannot be had */
  check(token: string): Promise<Principal>;
}

/** How far the issuer's clock may be from ours. */
const CLOCK_TOLERANCE_S = 30;

/** Whether a text has the form of a signed JWT (RFC 7515 §7.1), signature included. */
export function isJwt(text: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text);
}

export function createJwtCheck(config: JwtConfig): JwtCheck {
  const { issuer, audience, algorithms, maxAgeMs } = config;
  const keys = createJwks(config.jwksUrl);
  const options = {
    issuer,
    audience,
    algorithms: [...algorithms],
    clockTolerance: CLOCK_TOLERANCE_S,
    requiredClaims: ['iss', 'aud', 'exp', 'sub'],
  };
  return {
    async check(token) {
      try {
        const { payload } = await jwtVerify(token, keys, options);
        return principalOf(payload, config, maxAgeMs);
      } catch (cause) {
        throw errorOf(cause);
      }
    },
  };
}

/** @throws ClaimFault */
function principalOf(claims: JWTPayload, config: JwtConfig, maxAgeMs: number): Principal {
  const { sub, exp = 0 } = claims;
  if (typeof sub !== 'string' || sub === '') throw new ClaimFault('its claim sub names nobody');
  const expiresAt = new Date(exp * 1_000);
  // Not a moment that a Date can have: NaN is no answer to the next question.
  if (!(expiresAt.getTime() <= Date.now() + maxAgeMs + CLOCK_TOLERANCE_S * 1_000)) {
    throw new ClaimFault(`its end is more than ${maxAgeMs / 3_600_000} hours ahead`);
  }
  return {
    kind: 'jwt',
    id: idOf(sub),
    scopes: scopesOf(claims, config),
    organizations: organizationsOf(claims, config),
    expiresAt,
  };
}

/** Names the subject in logs, rates and events, in at most 64 characters. No two subjects have one name. */
function idOf(sub: string): string {
  if (/^(?!sha256:)[\w@.:|/-]{1,60}$/.test(sub)) return `jwt:${sub}`;
  return `jwt:sha256:${createHash('sha256').update(sub).digest('hex').slice(0, 48)}`;
}

/** What whoever sent the token may know. Other errors of jose name the rule, and not the value. */
function errorOf(cause: unknown): ConsumerError {
  if (cause instanceof NoKeys || cause instanceof errors.JWKSTimeout || cause instanceof errors.JWKSInvalid) {
    return new ConsumerError(
      'UNAVAILABLE',
      'JWTs cannot be checked at the moment: the keys of the issuer are not there',
      {
        cause,
        retryAfterMs: 5_000,
      },
    );
  }
  const known = cause instanceof errors.JOSEError || cause instanceof ClaimFault;
  const why = known ? cause.message : 'it cannot be read';
  return new ConsumerError('UNAUTHENTICATED', `the JWT is not accepted: ${why}`, { cause });
}
