import { SCOPES } from '@waybill/schema/routes';
import type { Access } from './principal.ts';

/** Nobody has to prove anything, and everybody may see everything: for one machine (`WAYBILL_HTTP_OPEN`). */
export function openAccess(): Access {
  const principal = {
    kind: 'open',
    id: 'open',
    scopes: new Set(SCOPES),
    organizations: 'all',
    expiresAt: null,
  } as const;
  return {
    authenticate: () => Promise.resolve(principal),
    isValid: () => Promise.resolve(true),
    noteRead: () => undefined,
  };
}
