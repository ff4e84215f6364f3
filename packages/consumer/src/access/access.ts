import type { NatsConnection } from '@nats-io/nats-core';
import { SCOPES } from '@waybill/schema/routes';
import type { AccessConfig } from '../config/access-config.ts';
import { isLoopback } from '../config/loopback.ts';
import { checkOptions, type KnownOptions } from '../check-options.ts';
import { ConsumerError } from '../errors.ts';
import type { ConsumerLogger } from '../logger.ts';
import { createJwtCheck, isJwt } from './jwt-check.ts';
import type { Access, Principal } from './principal.ts';
import { createRateLimits } from './rate-limits.ts';
import { startReadAudit } from './read-audit.ts';
import { createTokenLookup, FRESH_MS, MAX_STALE_MS } from './token-lookup.ts';
import { stateOf } from './token-record.ts';
import { hasHash, parseToken, type TokenText } from './token-text.ts';

export interface AccessOptions {
  /** `Config.access`. Its `nats` is not looked at: the connections are given. */
  readonly config: Omit<AccessConfig, 'nats'>;
  /** Whoever is on this machine may read everything, without a token. */
  readonly open: boolean;
  /** Connection to the stream of tokens. It stays open when this is closed. */
  readonly tokens: NatsConnection;
  /** Connection over which reads are noted. It stays open too. */
  readonly nc: NatsConnection;
  /** Events are on `<auditPrefix>.<type>.<organization>`. */
  readonly auditPrefix: string;
  readonly logger: ConsumerLogger;
  /** How long reads are counted before their event is made, in milliseconds. Default: 60,000. */
  readonly windowMs?: number;
  /** Milliseconds by a clock that nobody can set: how old is what was read of tokens. Default: `performance.now`. */
  readonly clock?: () => number;
}

const OPTIONS: KnownOptions<AccessOptions> = {
  config: true,
  open: true,
  tokens: true,
  nc: true,
  auditPrefix: true,
  logger: true,
  windowMs: true,
  clock: true,
};

export interface AccessHandle extends Access, AsyncDisposable {
  /** Sends what was noted of reads, within 5 s. */
  close(): Promise<void>;
}

/** Longer headers are refused unread. */
const MAX_HEADER = 8_192;
const INVALID = 'the token is not accepted: it is unknown, or is no token of this ledger';

/** Checks who asks: by a token, by a JWT, or, when it is open, because they are on this machine. */
export function createAccess(options: AccessOptions): AccessHandle {
  checkOptions('createAccess', options, OPTIONS);
  const { config, open, tokens: nc, logger } = options;
  const { stream, prefix, operatorOrg } = config;
  const limits = createRateLimits(config);
  const lookup = createTokenLookup({ nc, stream, prefix, logger, ...(options.clock && { clock: options.clock }) });
  const jwt = config.jwt && createJwtCheck(config.jwt);
  const audit = startReadAudit({ ...options, operatorOrg });

  /** @throws ConsumerError UNAUTHENTICATED, UNAVAILABLE, RATE_LIMITED */
  async function checkToken(token: TokenText): Promise<Principal> {
    const record = await lookup.find(token.id, MAX_STALE_MS);
    if (!hasHash(token, record?.sha256 ?? null) || record === null) throw unauthenticated(INVALID);
    // Whoever has the secret may know why it no longer serves.
    const state = stateOf(record, new Date());
    if (state !== 'valid') throw unauthenticated(`the token ${record.id} is ${state}`);
    const { id, scopes, organizations, expires_at } = record;
    return {
      kind: 'token',
      id,
      scopes: new Set(scopes),
      organizations: organizations === 'all' ? 'all' : new Set(organizations),
      expiresAt: new Date(expires_at),
    };
  }

  /** @throws ConsumerError UNAUTHENTICATED, UNAVAILABLE, RATE_LIMITED */
  async function check(credentials: string): Promise<Principal> {
    const token = parseToken(credentials);
    if (token) return checkToken(token);
    if (jwt && isJwt(credentials)) return jwt.check(credentials);
    throw unauthenticated(INVALID);
  }

  /** @throws ConsumerError UNAUTHENTICATED, UNAVAILABLE, RATE_LIMITED */
  async function checkCounted(credentials: string, address: string): Promise<Principal> {
    await limits.checkAddress(address);
    try {
      return await check(credentials);
    } catch (error) {
      if (error instanceof ConsumerError && error.code === 'UNAUTHENTICATED') await limits.countFailure(address);
      throw error;
    }
  }

  return {
    async authenticate(authorization, address) {
      if (authorization === undefined) {
        if (open && isLoopback(address)) return OPEN;
        throw unauthenticated('a token is needed: Authorization: Bearer wb_…');
      }
      const principal = await checkCounted(bearerOf(authorization), address);
      await limits.countRequest(principal.id);
      return principal;
    },
    async isValid({ kind, id, expiresAt }) {
      if (expiresAt !== null && expiresAt.getTime() <= Date.now()) return false;
      if (kind !== 'token') return kind !== 'open' || open;
      const record = await lookup.find(id, FRESH_MS);
      return record !== null && stateOf(record, new Date()) === 'valid';
    },
    noteRead: audit.note,
    close: audit.close,
    [Symbol.asyncDispose]: audit.close,
  };
}

/** All that is about reading. Tokens are managed elsewhere. */
const OPEN: Principal = {
  kind: 'open',
  id: 'open',
  scopes: new Set(SCOPES.filter((scope) => scope !== 'admin')),
  organizations: 'all',
  expiresAt: null,
};

/** `''` when it is anything but one Bearer token (RFC 6750 §2.1): nothing is a token that is empty. */
function bearerOf(authorization: string): string {
  if (authorization.length > MAX_HEADER) return '';
  return /^Bearer +([\w.~+/=-]+)$/i.exec(authorization)?.[1] ?? '';
}

function unauthenticated(message: string): ConsumerError {
  return new ConsumerError('UNAUTHENTICATED', message);
}
