/**
 * The `access/` room: who asks, and what they may see. It checks tokens, JWTs and rates, and makes events of what was
 * read. It answers no question about the ledger itself, and knows neither HTTP nor hono.
 */
import type { Scope } from '@waybill/schema/routes';

/** Who asks. */
export interface Principal {
  /** `open`: nobody had to prove anything (WAYBILL_HTTP_OPEN). `nats`: the server has checked the subject's rights. */
  readonly kind: 'token' | 'jwt' | 'open' | 'nats';
  /** Names the token, never a secret: in logs, rate limits and events about reads. */
  readonly id: string;
  readonly scopes: ReadonlySet<Scope>;
  /** Whose data may be seen. There is no wildcard in a JWT. */
  readonly organizations: 'all' | ReadonlySet<string>;
  /** null: never. */
  readonly expiresAt: Date | null;
}

/** Checks who asks. */
export interface Access {
  /**
   * @param authorization the header as it came
   * @param address of the peer, for the rate before authentication
   * @throws ConsumerError UNAUTHENTICATED; RATE_LIMITED, with `retryAfterMs`; UNAVAILABLE when it cannot be checked at
   *   the moment
   */
  authenticate(authorization: string | undefined, address: string): Promise<Principal>;
  /**
   * Whether the principal is still valid. The answer is at most 5 s old: an answer that stays open asks every 5 s, and
   * so ends within 10 s of a revocation.
   *
   * @throws ConsumerError UNAVAILABLE, RATE_LIMITED: it cannot be known, so nothing more may be sent
   */
  isValid(principal: Principal): Promise<boolean>;
  /**
   * Notes that something was read, for the audit of reads. Never throws and never waits.
   *
   * @param orgids whose data were in the answer; 'all': read over all organizations
   */
  noteRead(read: {
    readonly principal: Principal;
    readonly operation: string;
    readonly orgids: readonly string[] | 'all';
    /** How many entries, bills or windows were in the answer. Nothing is noted of 0. */
    readonly items: number;
    /** Of an answer that comes in parts: the same for each part. */
    readonly request?: symbol;
  }): void;
}
