/** Whether an entry says what its message makes the writer say, given the chains as they were when the message came. */
import { type ControlReading, SYSTEM_CHAIN } from '@waybill/schema/internal';
import { nodeSha256 } from '../sha256.ts';
import { keepMessage } from '../ledger/kept-message.ts';
import type { AuditChains } from './audit-chains.ts';
import {
  acknowledgedRecord,
  digestOfErasedRecord,
  digestOfEvent,
  digestOfRecord,
  digestOfStatement,
  type Label,
  type MessageReading,
  recordOf,
  rejectedAs,
} from './entry-claim.ts';
import type { ClaimIndex, Place } from './claim-index.ts';
import type { AuditCounts, AuditProblem } from './audit-report.ts';
import type { ClaimContext } from './claim-context.ts';

/** A message, or an event of one that holds several: with its own bytes. */
export interface AuditEvent {
  readonly place: Place;
  readonly subject: string;
  readonly received: string;
  readonly payload: Uint8Array;
  readonly reading: MessageReading;
  /** The chains when the message came. */
  readonly states: AuditChains;
}

export type Finding = Pick<AuditProblem, 'kind' | 'verdict' | 'detail'>;

export interface JudgeContext {
  readonly index: ClaimIndex;
  readonly context: Pick<ClaimContext, 'statedVolume'>;
  readonly counts: AuditCounts;
  /** Whether an organization's chain was read. */
  readonly isRead: (orgid: string) => boolean;
}

/** The rejection of events of the consumer's own types. Not everybody who verifies knows their schemas. */
const OF_OWN_TYPES = rejectedAs('not_an_event', 'data: what the schema of its type says');

const JUDGES = {
  event: judgeEvent,
  erased: judgeEvent,
  rejected: judgeRejected,
  repeated: judgeRepeated,
  acknowledged: judgeAcknowledged,
  statement: judgeStatement,
  erased_record: judgeErasedRecord,
} satisfies Record<Label['form'], (context: JudgeContext, label: Label, event: AuditEvent) => Finding | null>;

/** @returns what is wrong with the entry that claims the event, or null */
export function createMessageJudge(context: JudgeContext): (label: Label, event: AuditEvent) => Finding | null {
  return (label, event) => {
    const { reading } = event;
    if (!reading.ok && reading.reason === 'unexpected' && !label.what.startsWith('unexpected'))
      throw new Error(`reading message ${event.place.seq} failed for a reason that nobody foresaw: a bug of Waybill's`);
    return JUDGES[label.form](context, label, event);
  };
}

function judgeEvent(
  { index, context, counts }: JudgeContext,
  { chain, form }: Label,
  event: AuditEvent,
): Finding | null {
  const { place, reading, subject, received: stored, states } = event;
  if (!reading.ok) return altered(`it is no event (${reading.reason}), and the chain of ${chain} has one from it`);
  if (isAcknowledgement(reading))
    return altered(`it is an acknowledgement, and the chain of ${chain} has an event from it`);
  if (reading.orgid !== chain) return altered(`the event is of ${reading.orgid}, and it is in the chain of ${chain}`);
  const { origin, transfer, canonical } = reading;
  const stated = context.statedVolume(place);
  const { received, volume, isTrusted } = states.addEvent(chain, { received: stored, origin, transfer, stated });
  const facts = { eventHash: nodeSha256(canonical), received, subject, origin };
  if (index.matches(place, digestOfEvent(facts, form === 'erased' ? volume : null))) {
    if (form === 'erased') counts.erased++;
    if (isTrusted) counts.trustedSizes++;
    return null;
  }
  const what = form === 'erased' ? 'its volume, ' : '';
  return altered(
    `the event, ${what}its origin, or the time at which it was stored, is not what the chain of ${chain} has`,
  );
}

function judgeRejected({ index }: JudgeContext, { what }: Label, event: AuditEvent): Finding | null {
  const { place, reading, subject, payload } = event;
  const record = { kind: 'rejected', ...keepMessage(subject, payload) };
  if (!index.matches(place, digestOfRecord(record, subject.toWellFormed()))) return ALTERED_RECORD;
  if (isAcknowledgement(reading))
    return misjudged(
      `the acknowledgement for ${ownerOf(reading)} is recorded in _system as if it were none`,
      'tampered',
    );
  if (reading.ok) {
    const verdict = what === OF_OWN_TYPES || what.startsWith('unexpected') ? 'incomplete' : 'tampered';
    return misjudged(`the event of ${reading.orgid} is recorded in _system as if it were none`, verdict);
  }
  const found = rejectedAs(reading.reason, reading.detail);
  return found === what ? null : misjudged(`it is recorded in _system as ${what}, and is ${found}`, 'incomplete');
}

function judgeRepeated({ index, counts, isRead }: JudgeContext, { what }: Label, event: AuditEvent): Finding | null {
  const { place, reading, subject, states } = event;
  if (isAcknowledgement(reading)) return misjudged(`it is recorded in _system as ${what}, and is no event`, 'tampered');
  if (!reading.ok) return misjudged(`it is recorded in _system as ${what}, and is no event`, 'incomplete');
  const { orgid, origin } = reading;
  const record = recordOf(reading, event, what as 'duplicate');
  if (!record || !origin)
    return misjudged(`the event of ${orgid}, which has no number, is recorded as ${what}`, 'tampered');
  if (!index.matches(place, digestOfRecord(record, subject.toWellFormed()))) return ALTERED_RECORD;
  const admission = isRead(orgid) ? states.admissionOf(orgid, origin) : null;
  if (admission === null) {
    counts.undecided++;
    return null;
  }
  if (admission === what) {
    counts.repeated++;
    return null;
  }
  const found = admission === 'duplicate' || admission === 'beyond_window' ? admission : 'not in its chain';
  return misjudged(`the event of ${orgid} is recorded in _system as ${what}, and is ${found}`, 'tampered');
}

function judgeAcknowledged({ index, counts }: JudgeContext, _label: Label, event: AuditEvent): Finding | null {
  const { place, reading, subject } = event;
  if (!reading.ok)
    return misjudged(`it is recorded in _system as an acknowledgement, and is none (${reading.reason})`, 'tampered');
  if (!isAcknowledgement(reading))
    return misjudged(`the event of ${ownerOf(reading)} is recorded in _system as an acknowledgement`, 'tampered');
  const record = acknowledgedRecord(reading.acknowledged, event);
  if (!index.matches(place, digestOfErasedRecord(record, subject.toWellFormed())))
    return altered('the acknowledgement is not what _system recorded');
  counts.acknowledged++;
  return null;
}

function judgeStatement({ index, counts }: JudgeContext, _label: Label, event: AuditEvent): Finding | null {
  const { place, reading, subject, payload } = event;
  const named = subject.toWellFormed();
  if (!index.matches(place, digestOfStatement(keepMessage(subject, payload), named))) return ALTERED_RECORD;
  counts.statements++;
  if (!reading.ok) return null;
  return misjudged(`what is of ${ownerOf(reading)} is recorded in _system as something else`, 'tampered');
}

function judgeErasedRecord({ index, counts, isRead }: JudgeContext, _label: Label, event: AuditEvent): Finding | null {
  const { place, reading, subject, states } = event;
  if (isAcknowledgement(reading))
    return misjudged(`the acknowledgement for ${ownerOf(reading)} is in _system, as an erased record`, 'tampered');
  const admission =
    reading.ok && reading.origin && isRead(reading.orgid) && states.admissionOf(reading.orgid, reading.origin);
  if (reading.ok && (admission === 'new' || admission === 'late' || !reading.origin))
    return misjudged(`the event of ${reading.orgid} is in _system, as an erased record`, 'tampered');
  const kinds = admission ? ([admission] as const) : (['duplicate', 'beyond_window'] as const);
  const fits = kinds.some((kind) => {
    const record = recordOf(reading, event, kind as 'duplicate');
    return record !== null && index.matches(place, digestOfErasedRecord(record, subject.toWellFormed()));
  });
  if (!fits) return altered(`the message is not the one of the erased record in ${SYSTEM_CHAIN}`);
  counts.erased++;
  if (reading.ok && !admission) counts.undecided++;
  return null;
}

function isAcknowledgement(reading: MessageReading): reading is ControlReading & { readonly ok: true } {
  return reading.ok && 'acknowledged' in reading;
}

/** The organization that a message is about. */
export function ownerOf(reading: MessageReading & { readonly ok: true }): string {
  return isAcknowledgement(reading) ? reading.acknowledged.orgid : reading.orgid;
}

const ALTERED_RECORD = altered('its subject, size or payload is not what _system recorded');

function altered(detail: string): Finding {
  return { kind: 'altered', verdict: 'tampered', detail };
}

function misjudged(detail: string, verdict: Finding['verdict']): Finding {
  return { kind: 'misjudged', verdict, detail };
}
