/** What is published about reads and tokens: events of the organization that they are about. */
import { randomUUIDv7 } from 'node:crypto';
import {
  auditBilled,
  auditExported,
  auditRead,
  auditToken,
  auditVerified,
  createDataCheck,
  createTextStamp,
  type EventDraft,
  type EventFields,
  formatEventSubject,
  UNATTRIBUTED_CHAIN,
} from '@waybill/schema/internal';
import type { Principal } from './principal.ts';
import type { TokenRecord } from './token-record.ts';

/** A message of AUDIT that is still to be published. */
export interface AuditMessage {
  readonly subject: string;
  /** The event's id, and the message's: sent twice, it is stored once for as long as AUDIT remembers ids. */
  readonly id: string;
  readonly text: string;
}

/** Where events about reads go. */
export interface AuditPlace {
  /** Events are on `<auditPrefix>.<type>.<organization>`. */
  readonly auditPrefix: string;
  /** Whose chain has what is about all organizations; null: `_unattributed`, which nobody is billed for. */
  readonly operatorOrg: string | null;
}

/** The reads of one token, organization and operation in one minute. */
export interface ReadCount {
  readonly principal: Pick<Principal, 'kind' | 'id'>;
  readonly operation: string;
  readonly orgid: string | null;
  readonly requests: number;
  items: number;
  /** Of the last one. */
  time: Date;
}

const SOURCE = '//waybill/access';
/** What an event's `token` holds. */
const MAX_TOKEN = 64;

const ACTOR_TYPES = { token: 'API_TOKEN', jwt: 'USER', nats: 'SERVICE', open: 'SYSTEM' } as const;

interface Kind {
  readonly definition: (fields: EventFields<{ operation: string }>) => EventDraft;
  /** The member of `data` that says how many there were. */
  readonly counted: string;
}

/** By the first part of an operation's name. */
const KINDS: Readonly<Record<string, Kind>> = {
  entries: { definition: auditRead, counted: 'entries' },
  exports: { definition: auditExported, counted: 'entries' },
  bills: { definition: auditBilled, counted: 'bills' },
  verifications: { definition: auditVerified, counted: 'entries' },
};
const OTHER: Kind = { definition: auditRead, counted: 'items' };

const stamp = createTextStamp(createDataCheck());

/** @throws SchemaError for an operation or an organization that no event can have */
export function readMessage(read: ReadCount, place: AuditPlace): AuditMessage {
  const { principal, operation, requests, items, time } = read;
  const fields = {
    ...ownerOf(read.orgid, place),
    time,
    actortype: ACTOR_TYPES[principal.kind],
    actorid: principal.id,
    token: principal.id.slice(0, MAX_TOKEN),
    operation,
    requests,
  };
  const [kind = ''] = operation.split('.');
  const { definition, counted } = KINDS[kind] ?? OTHER;
  return messageOf(definition({ ...fields, [counted]: items }), place);
}

/** A token was made or revoked: an event in the chain of each of its organizations. */
export function tokenMessages(
  operation: 'create' | 'revoke',
  { id, organizations, expires_at: expires, created_by, revoked_by }: TokenRecord,
  place: AuditPlace,
): AuditMessage[] {
  const by = operation === 'create' ? created_by : (revoked_by ?? '');
  const actor = by === '' ? ({ actortype: 'SYSTEM' } as const) : ({ actortype: 'USER', actorid: by } as const);
  const orgids = organizations === 'all' ? [null] : organizations;
  return orgids.map((orgid) =>
    messageOf(auditToken({ ...ownerOf(orgid, place), ...actor, operation, token: id, expires }), place),
  );
}

/** @param orgid null: all organizations */
function ownerOf(orgid: string | null, { operatorOrg }: AuditPlace): { orgid: string; claimedorg?: string } {
  const owner = orgid ?? operatorOrg;
  return owner === null ? { orgid: UNATTRIBUTED_CHAIN, claimedorg: 'all organizations' } : { orgid: owner };
}

function messageOf({ type, fields }: EventDraft, { auditPrefix }: AuditPlace): AuditMessage {
  const id = randomUUIDv7();
  const { orgid } = fields as { readonly orgid: string };
  const text = stamp(type, fields as object, { id, source: SOURCE, time: new Date().toISOString() });
  return { subject: formatEventSubject({ type, orgid }, auditPrefix), id, text };
}
