/**
 * Events on behalf of whoever made a request, from the claims of a token that has been verified already.
 *
 * Nothing here verifies a token. Claims are foreign data all the same: any of them may be missing, too long or of
 * another type, and then costs that attribute, never the event.
 */
import {
  ActorType,
  cutText,
  type EventAttributes,
  type EventDraft,
  isEventOrgid,
  type KnownOptions,
  MAX_CLAIMED_LENGTH,
  ORGID_PATTERN,
  toAttributeText,
  UNATTRIBUTED_CHAIN,
} from '@waybill/schema';
import { checkOptions } from '../check-options.ts';
import { PublisherError } from '../error.ts';
import { hasTooManyMembers } from '../event/copy.ts';
import type { Sink } from '../sink.ts';
import type { LazySize } from './lazy-size.ts';

/** What an identity provider says; verified before it comes here. */
export type Claims = Readonly<Record<string, unknown>>;

export type Actor = Pick<EventAttributes, 'actortype' | 'actorid' | 'actorname' | 'actoremail'>;

export interface DispatcherOptions {
  /** Where the organization's id is: the name of a claim, or a function. Default: `org_id`. */
  readonly org?: string | ((claims: Claims) => unknown);
  /** Who acts. Default: `USER` with the claims `sub`, `name` and `email`. */
  readonly actor?: (claims: Claims) => Actor;
  /** Whether this is traffic of our own, which is not to be audited. When it throws, the event is audited. */
  readonly suppress?: (claims: Claims, type: string) => boolean;
  /**
   * The organization under which events are kept that have none that can be read. Default: `_unattributed`, the chain
   * that nobody is billed for; there, `claimedorg` says what was claimed. In one of your own, the data member
   * `claimed_org` does.
   */
  readonly degradedOrgid?: string;
}

export interface DispatcherStats {
  /** Handed to the sink. */
  readonly dispatched: number;
  /** Of `dispatched`: without a usable organization. */
  readonly degraded: number;
  /** Waiting for their size. */
  readonly waiting: number;
  /** Not emitted because `suppress` said so, by type. */
  readonly suppressed: Readonly<Record<string, number>>;
}

/** What `defineEvent` gives, as far as it is needed here. */
export interface Definition<Fields> {
  (fields: Fields): EventDraft<string, Fields>;
  readonly type: string;
}

/** The event's own fields; the organization and the actor come from the claims unless they are given. */
export type DispatchedFields<Fields> = Omit<Fields, 'orgid' | 'size_bytes'> & {
  readonly orgid?: string;
  readonly size_bytes?: number | LazySize | undefined;
};

export interface Dispatcher {
  /**
   * Emits the event. Never throws, never waits: with a `lazySize` it is emitted, with the time of this call, once that
   * has ended.
   */
  dispatch<Fields>(
    claims: Claims | null | undefined,
    definition: Definition<Fields>,
    fields: DispatchedFields<Fields>,
  ): void;
  /** Waits for the sizes that are looked up now, which takes no longer than their time limits. */
  settled(): Promise<void>;
  stats(): DispatcherStats;
}

/** Types that are counted by their own name. */
const MAX_TYPES = 1_000;

/** For whatever takes these options and some of its own. */
export const DISPATCHER_OPTIONS: KnownOptions<DispatcherOptions> = {
  org: true,
  actor: true,
  suppress: true,
  degradedOrgid: true,
};

/** @throws PublisherError INVALID_OPTIONS, also when no event can be of `degradedOrgid` */
export function dispatcher(audit: Pick<Sink, 'emit'>, options: DispatcherOptions = {}): Dispatcher {
  checkOptions('dispatcher', options, DISPATCHER_OPTIONS);
  const { org = 'org_id', actor = userOf, suppress, degradedOrgid = UNATTRIBUTED_CHAIN } = options;
  // From a configuration, it may be anything.
  const given: unknown = degradedOrgid;
  if (typeof given !== 'string' || !isEventOrgid(given)) {
    const expected = `${ORGID_PATTERN.source} or ${UNATTRIBUTED_CHAIN}`;
    const message = `dispatcher: degradedOrgid is ${JSON.stringify(given)}, expected ${expected}`;
    throw new PublisherError('INVALID_OPTIONS', message);
  }
  const claimMember = degradedOrgid === UNATTRIBUTED_CHAIN ? 'claimedorg' : 'claimed_org';
  const suppressed = new Map<string, number>();
  const waiting = new Set<Promise<void>>();
  let dispatched = 0;
  let degraded = 0;

  function isSuppressed(claims: Claims, type: string): boolean {
    if (attempt(() => suppress?.(claims, type)) !== true) return false;
    const name = suppressed.has(type) || suppressed.size < MAX_TYPES ? type : 'other';
    suppressed.set(name, (suppressed.get(name) ?? 0) + 1);
    return true;
  }

  /** Whose event it is; when that is not known, why, and what was claimed. */
  function organizationOf(claims: Claims): { orgid: string; degraded?: string } {
    const orgid = attempt(() => (typeof org === 'string' ? claims[org] : org(claims)));
    if (typeof orgid === 'string' && ORGID_PATTERN.test(orgid)) return { orgid };
    const isMissing = orgid === undefined || orgid === null || orgid === '';
    const degraded = isMissing ? 'org_missing' : 'org_malformed';
    return { orgid: degradedOrgid, degraded, [claimMember]: claimText(orgid) };
  }

  function send(type: string, fields: object): void {
    dispatched++;
    // A sink may be anybody's.
    attempt(() => audit.emit({ type, fields }));
  }

  return {
    dispatch(given, { type }, fields) {
      const claims = given ?? {};
      if (isSuppressed(claims, type)) return;
      const own = attempt(() => (hasTooManyMembers(fields) ? undefined : { ...fields })) as
        | Record<string, unknown>
        | undefined;
      // What cannot be read, or has no room in an event, is the publisher's to refuse and to count.
      if (!own) return send(type, fields);
      const from = own['orgid'] === undefined ? organizationOf(claims) : {};
      if ('degraded' in from) degraded++;
      const complete = { ...attempt(() => actorOf(claims, actor)), ...own, ...from };
      const size = own['size_bytes'];
      if (!(size instanceof Promise)) return send(type, complete);
      const time = own['time'] ?? new Date();
      const sent = (size as LazySize).then(
        (size_bytes) => send(type, { ...complete, time, size_bytes }),
        () => send(type, { ...complete, time, size_bytes: undefined }),
      );
      const done = sent.finally(() => waiting.delete(done));
      waiting.add(done);
    },
    async settled() {
      await Promise.all(waiting);
    },
    stats: () => ({ dispatched, degraded, waiting: waiting.size, suppressed: Object.fromEntries(suppressed) }),
  };
}

/** A claim that is no organization's id, as text: empty when there is none, cut where it is longer than an event may say. */
function claimText(claim: unknown): string {
  if (claim === undefined || claim === null) return '';
  const text = typeof claim === 'string' ? claim : (attempt(() => JSON.stringify(claim)) ?? typeof claim);
  return toAttributeText(cutText(text, MAX_CLAIMED_LENGTH));
}

function userOf({ sub, name, email }: Claims): Actor {
  return { actortype: 'USER', actorid: sub, actorname: name, actoremail: email } as Actor;
}

const ACTOR_TEXTS = ['actorid', 'actorname', 'actoremail'] as const;

/** What of the actor an event can have: anything but text is left out. What is too long is made to fit when it is stamped. */
function actorOf(claims: Claims, actor: (claims: Claims) => Actor): Actor {
  const found = actor(claims);
  const kept: Record<string, string> = {};
  if (ActorType.safeParse(found.actortype).success) kept['actortype'] = found.actortype as string;
  for (const member of ACTOR_TEXTS) {
    const value: unknown = found[member];
    if (typeof value === 'string' && value !== '') kept[member] = value;
  }
  return kept;
}

/** Foreign code and foreign objects: undefined when they throw. */
function attempt<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch {
    return undefined;
  }
}
