import { checkOptions, type KnownOptions } from '../check-options.ts';
import { checkPeriod } from '../check-period.ts';
import { ConsumerError } from '../errors.ts';
import type { Step } from '../usage/calendar.ts';
import type { UsageNotice } from '../usage/usage-query.ts';
import { checkCustomers, type Customers } from './customers.ts';
import { type EngineName, ENGINES } from './engine.ts';
import { checkEngineUrl } from './engine-url.ts';
import { checkMeters, DEFAULT_METERS, type MeterNames } from './meters.ts';

/** What is pushed, and to which engine. */
export interface PushQuery {
  readonly engine: EngineName;
  /** Only these. Default: every organization that has a chain before `to`. */
  readonly orgids?: readonly string[] | undefined;
  /** As of `usage`; `period`, or `from` and `to`. */
  readonly period?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly zone?: string | undefined;
  /** One value for each of these windows. Default: day. */
  readonly step?: Step | undefined;
  /** How long to wait until the period is final. Default: 0. */
  readonly waitMs?: number | undefined;
  /** The engine's names of the meters that are pushed. Default: `DEFAULT_METERS`. */
  readonly meters?: MeterNames | undefined;
  /**
   * The engine's id of each organization (Lago: of its subscription); null: not pushed. Default: the organization's
   * own name, which Stripe does not take.
   */
  readonly customers?: Readonly<Record<string, string | null>> | undefined;
  readonly onNotice?: ((notice: UsageNotice) => void) | undefined;
  /** Milliseconds since the epoch. Default: the clock. */
  readonly now?: (() => number) | undefined;
}

export interface PushOptions extends PushQuery {
  /** A file that says what was pushed. One for each account of an engine, kept for as long as the account. */
  readonly journal: string;
  /** Base of the engine's addresses. Default: that of its public service. https, but for this machine. */
  readonly url?: string | undefined;
  /** The engine's secret key. Only an OpenMeter of one's own needs none. */
  readonly key?: string | undefined;
  /** For one request. Default: 30 s. */
  readonly requestTimeoutMs?: number | undefined;
  /** Before a request is repeated for the first time; later pauses are longer. Default: 500 ms. */
  readonly retryPauseMs?: number | undefined;
}

const QUERY: KnownOptions<PushQuery> = {
  engine: true,
  orgids: true,
  period: true,
  from: true,
  to: true,
  zone: true,
  step: true,
  waitMs: true,
  meters: true,
  customers: true,
  onNotice: true,
  now: true,
};
const OPTIONS: KnownOptions<PushOptions> = {
  ...QUERY,
  journal: true,
  url: true,
  key: true,
  requestTimeoutMs: true,
  retryPauseMs: true,
};

/** The public services of the engines, as their documents have them. */
const ENGINE_URLS = {
  openmeter: 'https://openmeter.cloud',
  lago: 'https://api.getlago.com',
  stripe: 'https://api.stripe.com',
} as const satisfies Record<EngineName, string>;

export interface CheckedPush {
  readonly names: MeterNames;
  readonly customers: Customers | null;
  readonly now: () => number;
}

/** @throws ConsumerError BAD_ARGUMENT naming the option and the rule */
export function checkPushQuery(query: PushQuery, called: string): CheckedPush {
  checkOptions(called, query, called === 'push' ? OPTIONS : QUERY);
  const { engine, period, from, to, meters = DEFAULT_METERS, customers } = query;
  if (!ENGINES.includes(engine))
    throw bad(`engine is ${JSON.stringify(engine)}: expected one of ${ENGINES.join(', ')}`);
  if (period === undefined && (from === undefined || to === undefined))
    throw bad('expected a period, or from and to: only what has ended is pushed');
  if (engine === 'stripe' && customers === undefined)
    throw bad('customers: Stripe needs the id (cus_…) of each organization; the command takes them from --customers');
  return {
    names: checkMeters('meters', meters),
    customers: customers === undefined ? null : checkCustomers('customers', customers),
    now: query.now ?? Date.now,
  };
}

export interface CheckedAccount {
  readonly url: string;
  readonly key: string | null;
  readonly mode: 'live' | 'test' | null;
  readonly timeoutMs: number;
  readonly retryPauseMs: number;
}

/** @throws ConsumerError BAD_ARGUMENT naming the option and the rule, and never the key */
export function checkAccount(options: PushOptions): CheckedAccount {
  const { engine, journal, url, key } = options;
  if (typeof journal !== 'string' || journal === '') throw bad('journal: expected the path of a file');
  const account = {
    url: checkEngineUrl('url', url ?? ENGINE_URLS[engine]),
    timeoutMs: checkPeriod('push: requestTimeoutMs', options.requestTimeoutMs ?? 30_000),
    retryPauseMs: checkPeriod('push: retryPauseMs', options.retryPauseMs ?? 500),
  };
  if (key === undefined) {
    if (engine === 'openmeter' && url !== undefined) return { ...account, key: null, mode: null };
    throw bad(`key: ${engine} needs a secret key; the command takes it from WAYBILL_PUSH_KEY_FILE`);
  }
  // It goes into a header. A line feed at the end of a file is no part of it.
  if (!/^[\u0021-\u007e]{1,4096}$/.test(key))
    throw bad('key: expected one line of letters, digits and signs (not shown)');
  return { ...account, key, mode: engine === 'stripe' ? modeOf(key) : null };
}

/** A journal of one mode must not be continued in the other: what is confirmed there is missing here. */
function modeOf(key: string): 'live' | 'test' {
  const [, mode] = /^(?:sk|rk)_(live|test)_/.exec(key) ?? [];
  if (mode === 'live' || mode === 'test') return mode;
  throw bad('key: expected a secret or restricted key of Stripe, sk_… or rk_… (not shown)');
}

function bad(what: string): ConsumerError {
  return new ConsumerError('BAD_ARGUMENT', `push: ${what}`);
}
