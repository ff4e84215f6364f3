/**
 * The `signing/` room: keys and signatures. A secret comes in, and texts; signatures go out. Events and queues never
 * come in here.
 *
 * This file has the identity that signs a process's receipts. It is resolved once for all callers, and kept when that
 * succeeds. After a failure, the next call tries again when the back-off's wait is over. The secret comes from one
 * place only: the option `secret` if it is given, otherwise the function, otherwise the environment. When that place
 * fails, no other is tried: it would sign with another key and hide that the right one is missing.
 */
import type { KnownOptions } from '@waybill/schema/internal';
import { createBackoff } from '../backoff.ts';
import { checkOptions } from '../check-options.ts';
import { outside } from '../context.ts';
import { checkPeriod, checkWait, within } from '../duration.ts';
import { PublisherError } from '../error.ts';
import type { Signer, SigningIdentity } from '../signing-identity.ts';
import { createIdentity, type Secret } from './create-identity.ts';

export interface SignerOptions {
  /** The secret itself. A wrong secret is a failure like any other: events are then published unsigned. */
  readonly secret?: Secret | undefined;
  /** Gets the secret, for example from a vault. After a failure it is called again. */
  readonly getSecret?: () => Secret | Promise<Secret>;
  /** The environment variable with the secret, if neither of these is given. Default: `WAYBILL_SIGNING_KEY`. */
  readonly environmentVariable?: string;
  /** Name of the key in events. Default: the first 16 hexadecimal characters of the SHA-256 of the public key. */
  readonly keyid?: string;
  /** How long `getSecret` may take, in milliseconds; Infinity: no limit. Default: 5,000. */
  readonly timeoutMs?: number;
  /** Waits between tries are random, below a bound that doubles from here (default 100) ... */
  readonly backoffMinMs?: number;
  /** ... to here (default 30,000). */
  readonly backoffMaxMs?: number;
}

const OPTIONS: KnownOptions<SignerOptions> = {
  secret: true,
  getSecret: true,
  environmentVariable: true,
  keyid: true,
  timeoutMs: true,
  backoffMinMs: true,
  backoffMaxMs: true,
};

const DEFAULTS = {
  environmentVariable: 'WAYBILL_SIGNING_KEY',
  timeoutMs: 5_000,
  backoffMinMs: 100,
  backoffMaxMs: 30_000,
} as const satisfies SignerOptions;

/**
 * Starts to resolve the identity at once. If the secret or its source is wrong, `identity()` says so.
 *
 * @throws PublisherError INVALID_OPTIONS only for an unknown option
 */
export function createSigner(options: SignerOptions = {}): Signer {
  checkOptions('createSigner', options, OPTIONS);
  const {
    timeoutMs = DEFAULTS.timeoutMs,
    backoffMinMs = DEFAULTS.backoffMinMs,
    backoffMaxMs = DEFAULTS.backoffMaxMs,
  } = options;
  const fault = faultOf({ timeoutMs, backoffMinMs, backoffMaxMs });
  const backoff = createBackoff({
    minMs: fault ? DEFAULTS.backoffMinMs : backoffMinMs,
    maxMs: fault ? DEFAULTS.backoffMaxMs : backoffMaxMs,
  });
  let identity: SigningIdentity | null = null;
  let underway: Promise<void> | null = null;
  let firstTry: Promise<void> | null = null;
  let failure: unknown = null;
  let nextTryAt = 0;

  function succeed(secret: Secret): void {
    identity = createIdentity(secret, options.keyid);
    failure = null;
  }

  function fail(cause: unknown): void {
    failure = cause;
    nextTryAt = performance.now() + backoff.next();
  }

  /** Starts a try, unless one is under way or the back-off's wait is not over. A synchronous source is done at once. */
  function attempt(): void {
    if (identity || underway || performance.now() < nextTryAt) return;
    outside(begin);
  }

  /** Called outside of every decision: the secret is the process's, not the first caller's. */
  function begin(): void {
    let source: Secret | Promise<Secret>;
    try {
      if (fault) throw fault;
      source = readSource(options);
      if (!(source instanceof Promise)) return succeed(source);
    } catch (error) {
      return fail(error);
    }
    underway = within(source, timeoutMs, () => {
      throw new Error(`getSecret did not answer within ${timeoutMs} ms`);
    })
      .then(succeed)
      .catch(fail)
      .finally(() => {
        underway = null;
        firstTry = null;
      });
  }

  attempt();
  firstTry = underway;

  return {
    peek() {
      attempt();
      return identity;
    },
    async identity() {
      attempt();
      await underway;
      if (identity) return identity;
      const detail = failure instanceof Error ? failure.message : 'the secret could not be had';
      throw new PublisherError('UNSIGNED', `no signing identity: ${detail}`, { cause: failure });
    },
    get firstTry() {
      return firstTry;
    },
  };
}

function faultOf(durations: { timeoutMs: number; backoffMinMs: number; backoffMaxMs: number }): Error | null {
  try {
    checkWait('createSigner: timeoutMs', durations.timeoutMs);
    checkPeriod('createSigner: backoffMinMs', durations.backoffMinMs);
    checkPeriod('createSigner: backoffMaxMs', durations.backoffMaxMs);
    return null;
  } catch (error) {
    return error as Error;
  }
}

function readSource({ secret, getSecret, environmentVariable }: SignerOptions): Secret | Promise<Secret> {
  if (secret !== undefined) return secret;
  if (getSecret) return getSecret();
  const name = environmentVariable ?? DEFAULTS.environmentVariable;
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`the environment variable ${name} is not set`);
  return value;
}
