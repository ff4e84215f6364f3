import { isJsonObject, type JsonObject } from '../json/json.ts';
import { isChainloop } from './chainloop.ts';
import { UNATTRIBUTED_CHAIN } from './subject.ts';

/** The chain that an event names, in either dialect; anything else where it names none that can be. */
export function ownerOf(event: JsonObject): unknown {
  if (!isChainloop(event)) return event['orgid'];
  const data = event['Data'];
  if (!isJsonObject(data)) return undefined;
  const { OrgID: orgid } = data;
  // Its control plane writes none of the three in the same place: an absent member, null, and the zero value of Go.
  if (orgid === undefined || orgid === null || orgid === '') return UNATTRIBUTED_CHAIN;
  return orgid === UNATTRIBUTED_CHAIN ? undefined : orgid;
}
