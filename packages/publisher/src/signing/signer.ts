/**
 * The one identity that signs a process's receipts.
 *
 * It is resolved once, however many ask at the same time; only success is kept; after a failure the next who asks
 * tries again, once the back-off's wait is over. Secrets are looked for in one place only: the explicit one if there
 * is one, else the function if there is one, else the environment. A source that fails is never replaced by a weaker
 * one, which would sign with another key and hide that the right one is missing.
 */
import type { KnownOptions } from '@waybill/schema';
import { createBackoff } from '../backoff.ts';
import { checkOptions } from '../check-options.ts';
import { outside } from '../context.ts';
import { checkPeriod, checkWait, within } from '../duration.ts';
import { PublisherError } from '../error.ts';
import type { Signer, SigningIdentity } from '../signing-identity.ts';
import { createIdentity, type Secret } from './create-identity.ts';

export interface SignerOptions {
  /** The secret itself. A wrong one is a failure like any other: events are then published without signatures. */
  readonly secret?: Secret | undefined;
  /** Where to get the secret, such as a vault. May fail, and is then asked again. */
  readonly getSecret?: () => Secret | Promise<Secret>;
  /** The variable that has the secret when neither of these is given. Default: `WAYBILL_SIGNING_KEY`. */
  readonly environmentVariable?: string;
  /** Name of the key in events. Default: the first 16 hexadecimal characters of the SHA-256 of the public key. */
  readonly keyid?: string;
  /** How long `getSecret` may take; Infinity: no limit. Default: 5,000. */
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
 * Starts to resolve the identity at once. What is wrong with the secret or its source is said by `identity()`.
 *
 * @throws PublisherError INVALID_OPTIONS only for a name that is no option
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

  /** At most one at a time, and none before the back-off allows it. A source that needs no waiting is done at once. */
  function attempt(): void {
    if (identity || underway || performance.now() < nextTryAt) return;
    outside(begin);
  }

  /** The secret is the process's, so getting it belongs to no decision that happens to ask first. */
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
