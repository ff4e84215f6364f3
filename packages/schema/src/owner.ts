import { isChainloop } from './chainloop.ts';
import { isJsonObject, type Json, type JsonObject } from './json.ts';
import { UNATTRIBUTED_CHAIN } from './subject.ts';

/** The chain that an event names, in either dialect. Total: whatever it is given, it does not throw. */
export function ownerOf(event: JsonObject): Json | undefined {
  if (!isChainloop(event)) return event['orgid'];
  const data = event['Data'];
  if (!isJsonObject(data)) return undefined;
  const organization = data['OrgID'];
  // Chainloop sends some events, such as logins, without an organization.
  return organization === undefined || organization === null || organization === '' ? UNATTRIBUTED_CHAIN : organization;
}
