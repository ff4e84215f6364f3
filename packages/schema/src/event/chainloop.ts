/**
 * Chainloop's audit events. Its control plane and its artifact CAS publish them to the stream `chainloop-audit`
 * (chainloop-dev/chainloop, app/controlplane/pkg/auditor). Waybill accepts them as they are, and gives them no id.
 */
import { refuse } from '../error.ts';
import { isJsonObject, type Json, type JsonObject } from '../json/json.ts';
import { ORGID_PATTERN } from './subject.ts';
import { isNonEmptyText } from './text-rule.ts';

const HEX_DIGEST = /^[0-9a-f]{64}$/;
const CAS_ACTIONS: ReadonlySet<unknown> = new Set(['CASArtifactUploaded', 'CASArtifactDownloaded']);

/** Recognizes a Chainloop event by its envelope alone. */
export function isChainloop(value: Json): value is JsonObject {
  return isJsonObject(value) && value['EventType'] === 'AUDIT_EVENT' && 'Data' in value;
}

/**
 * @param type the `<target>.<action>` of the subject. An artifact's event must be on a subject `casartifact.…`, where
 *   Chainloop publishes it, so that a permission for other subjects is no permission to add to a bill
 * @throws SchemaError NOT_AN_EVENT naming the first bad member
 */
export function checkChainloop(value: JsonObject, type: string): void {
  if (!isNonEmptyText(value['Timestamp'])) refuse('Timestamp: a non-empty string');
  const data = value['Data'];
  if (!isJsonObject(data)) return refuse('Data: an object');
  const { ActionType, TargetType, OrgID, Info } = data;
  if (!isNonEmptyText(ActionType)) refuse('Data.ActionType: a non-empty string');
  if (!isNonEmptyText(TargetType)) refuse('Data.TargetType: a non-empty string');
  if (!isOrgid(OrgID)) refuse('Data.OrgID: the id of an organization, or absent, null or empty');
  if (TargetType !== 'CASArtifact' || !CAS_ACTIONS.has(ActionType)) return;
  if (!type.startsWith('casartifact.')) refuse('subject: the target casartifact, for the events of artifacts');
  // Chainloop writes no Info when it knows nothing of the artifact.
  if (Info === undefined || Info === null) return;
  checkArtifact(Info);
}

/** Checks `Info` of the two CAS events. The digest is hexadecimal without a prefix; `size_bytes` is 0 when unknown. */
function checkArtifact(info: Json): void {
  if (!isJsonObject(info)) return refuse('Data.Info: an object, or absent, or null');
  const { digest, size_bytes, skipped } = info;
  if (typeof digest !== 'string' || !HEX_DIGEST.test(digest)) {
    refuse('Data.Info.digest: 64 lower-case hexadecimal characters');
  }
  if (size_bytes !== undefined && !(Number.isSafeInteger(size_bytes) && (size_bytes as number) >= 0)) {
    refuse(`Data.Info.size_bytes: an integer from 0 to ${Number.MAX_SAFE_INTEGER}`);
  }
  if (skipped !== undefined && typeof skipped !== 'boolean') refuse('Data.Info.skipped: a boolean');
}

function isOrgid(value: Json | undefined): boolean {
  if (value === undefined || value === null || value === '') return true;
  return typeof value === 'string' && ORGID_PATTERN.test(value);
}
