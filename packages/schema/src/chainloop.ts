/**
 * Chainloop's audit events, as its control plane and its artifact CAS publish them to the stream `chainloop-audit`
 * (chainloop-dev/chainloop, app/controlplane/pkg/auditor). They are accepted as they are; Waybill mints no id for them.
 */
import * as z from 'zod';
import { kindOf, SchemaError, show } from './error.ts';
import { notAnEvent } from './event.ts';
import { isJsonObject, type Json, type JsonObject } from './json.ts';
import { ORGID_PATTERN } from './subject.ts';

const ChainloopEvent = z.looseObject({
  EventType: z.literal('AUDIT_EVENT'),
  Timestamp: z.string().min(1),
  Data: z.looseObject({
    ActionType: z.string().min(1),
    TargetType: z.string().min(1),
    OrgID: z.string().regex(ORGID_PATTERN),
    Info: z.unknown(),
  }),
});

const HEX_DIGEST = /^[0-9a-f]{64}$/;

/** `Info` of its two CAS events. The digest is bare hexadecimal; `size_bytes` is 0 when it is unknown. */
const ChainloopArtifact = z.looseObject({
  digest: z.string().regex(HEX_DIGEST),
  size_bytes: z.int().min(0).optional(),
  skipped: z.boolean().optional(),
});

/** A Chainloop payload is recognized by its envelope alone. */
export function isChainloop(value: Json): value is JsonObject {
  return isJsonObject(value) && value['EventType'] === 'AUDIT_EVENT' && 'Data' in value;
}

/**
 * @param type what the subject says, `<target>.<action>`; an event with a volume has to be where Chainloop publishes it
 *   (`casartifact.…`), so that the right to publish other subjects is not the right to be billed for
 * @throws SchemaError NOT_AN_EVENT naming the first bad member and the rule
 */
export function checkChainloop(value: JsonObject, type: string): void {
  const result = ChainloopEvent.safeParse(value);
  if (!result.success) throw notAnEvent(result.error, value);
  const { ActionType, TargetType, Info } = result.data.Data;
  if (TargetType !== 'CASArtifact' || !CAS_ACTIONS.has(ActionType)) return;
  if (!type.startsWith('casartifact.')) {
    throw new SchemaError('NOT_AN_EVENT', `Data.TargetType is "CASArtifact", but the subject says ${show(type)}`);
  }
  if (!isJsonObject(Info)) throw new SchemaError('NOT_AN_EVENT', `Data.Info is ${kindOf(Info)}: expected an object`);
  const artifact = ChainloopArtifact.safeParse(Info);
  if (!artifact.success) throw notAnEvent(artifact.error, Info, ['Data', 'Info']);
}

const CAS_ACTIONS: ReadonlySet<string> = new Set(['CASArtifactUploaded', 'CASArtifactDownloaded']);
