/**
 * Events on behalf of the person who made a request, from the claims of a verified token.
 *
 * Nothing here verifies a token. Claims are foreign data: any of them may be missing, too long or of another type. Then
 * the event lacks that attribute, but is emitted.
 */
import type { EventAttributes, EventDraft } from '@waybill/schema';
import {
  ActorType,
  cutText,
  isEventOrgid,
  type KnownOptions,
  MAX_CLAIMED_LENGTH,
  ORGID_PATTERN,
  toAttributeText,
  UNATTRIBUTED_CHAIN,
} from '@waybill/schema/internal';
import { checkOptions } from '../check-options.ts';
import { PublisherError } from '../error.ts';
import { hasTooManyMembers } from '../event/copy.ts';
import type { Sink } from '../sink.ts';
import type { LazySize } from './lazy-size.ts';

/** The claims of an identity provider, verified by the caller. */
export type Claims = Readonly<Record<string, unknown>>;

export type Actor = Pick<EventAttributes, 'actortype' | 'actorid' | 'actorname' | 'actoremail'>;

export interface DispatcherOptions {
  /** How to find the organization's id: the name of a claim, or a function. Default: `org_id`. */
  readonly org?: string | ((claims: Claims) => unknown);
  /** Who acts. Default: `USER` with the claims `sub`, `name` and `email`. */
  readonly actor?: (claims: Claims) => Actor;
  /** Whether this is internal traffic, which is not audited. When it throws, the event is audited. */
  readonly suppress?: (claims: Claims, type: string) => boolean;
  /**
   * The organization of events whose own cannot be read from the claims. Default: `_unattributed`, the chain for which
   * nobody is billed. An event there has the claimed organization in `claimedorg`. If you name an organization here, the
   * event has it in the data member `claimed_org`.
   */
  readonly degradedOrgid?: string;
}

export interface DispatcherStats {
  /** Events that the sink got. */
  readonly dispatched: number;
  /** Of `dispatched`: without a usable organization. */
  readonly degraded: number;
  /** Events that wait for their size. */
  readonly waiting: number;
  /** Events that `suppress` kept from being emitted, by type. */
  readonly suppressed: Readonly<Record<string, number>>;
}

/** The part of what `defineEvent` returns that is needed here. */
interface Definition<Fields> {
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
   * Emits the event. Never throws and never waits: with a `lazySize`, the event is emitted when that has ended, with
   * the time of this call.
   */
  dispatch<Fields>(
    claims: Claims | null | undefined,
    definition: Definition<Fields>,
    fields: DispatchedFields<Fields>,
  ): void;
  /** Waits for the sizes that are being looked up. That takes no longer than their time limits. */
  settled(): Promise<void>;
  stats(): DispatcherStats;
}

/** How many types are counted by their names. */
const MAX_TYPES = 1_000;

/** For functions that take these options and others. */
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
  // A configuration may pass anything.
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

  /** The event's organization. If it is not known: why, and what was claimed. */
  function organizationOf(claims: Claims): { orgid: string; degraded?: string } {
    const orgid = attempt(() => (typeof org === 'string' ? claims[org] : org(claims)));
    if (typeof orgid === 'string' && ORGID_PATTERN.test(orgid)) return { orgid };
    const isMissing = orgid === undefined || orgid === null || orgid === '';
    const degraded = isMissing ? 'org_missing' : 'org_malformed';
    return { orgid: degradedOrgid, degraded, [claimMember]: claimText(orgid) };
  }

  function send(type: string, fields: object): void {
    dispatched++;
    // The sink may be somebody else's, and throw.
    attempt(() => audit.emit({ type, fields }));
  }

  return {
    dispatch(given, { type }, fields) {
      const claims = given ?? {};
      if (isSuppressed(claims, type)) return;
      const own = attempt(() => (hasTooManyMembers(fields) ? undefined : { ...fields })) as
        | Record<string, unknown>
        | undefined;
      // The publisher refuses and counts fields that cannot be read or are too large for an event.
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

/**
 * A claim that is no organization's id, as text: empty if there is none, and cut to the longest that an event takes.
 */
function claimText(claim: unknown): string {
  if (claim === undefined || claim === null) return '';
  const text = typeof claim === 'string' ? claim : (attempt(() => JSON.stringify(claim)) ?? typeof claim);
  return toAttributeText(cutText(text, MAX_CLAIMED_LENGTH));
}

function userOf({ sub, name, email }: Claims): Actor {
  return { actortype: 'USER', actorid: sub, actorname: name, actoremail: email } as Actor;
}

const ACTOR_TEXTS = ['actorid', 'actorname', 'actoremail'] as const;

/** The actor's attributes that are texts. Stamping shortens a text that is too long. */
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

/** Calls the service's code or reads its objects. undefined when that throws. */
function attempt<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch {
    return undefined;
  }
}
