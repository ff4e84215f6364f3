import { isJsonObject, type JsonObject } from '../json/json.ts';
import { isChainloop } from './chainloop.ts';
import { UNATTRIBUTED_CHAIN } from './subject.ts';

/**
 * The chain that an event names, in either dialect. The caller compares it with a chain: where an event names none, the
 * result is whatever stands in its place.
 */
export function ownerOf(event: JsonObject): unknown {
  if (!isChainloop(event)) return event['orgid'];
  const data = event['Data'];
  if (!isJsonObject(data)) return undefined;
  const { OrgID: orgid } = data;
  // Chainloop writes the absence of an organization in three ways: no member, null, and Go's zero value.
  if (orgid === undefined || orgid === null || orgid === '') return UNATTRIBUTED_CHAIN;
  return orgid === UNATTRIBUTED_CHAIN ? undefined : orgid;
}
