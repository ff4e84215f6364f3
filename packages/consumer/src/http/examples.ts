/**
 * Answers as the OpenAPI document shows them. Entries and bills have none: made-up hashes would mislead whoever computes
 * them, and docs/reference/format.md has real ones.
 */
import type { OperationName, Output } from '@waybill/schema/api';

const NOTHING = { count: '0', bytes: '0', unknown: '0' };
const TOTALS = {
  events: '4',
  uploads: { count: '3', bytes: '1073741824', unknown: '0' },
  downloads: NOTHING,
  deduplicated: { count: '1', bytes: '4096', unknown: '0' },
};
const HASH = '5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef';
const FRAME = {
  from: '2026-10-31T23:00:00.000Z',
  to: '2026-11-30T23:00:00.000Z',
  zone: 'Europe/Berlin',
  tz: '2026c',
  step: null,
  basis: 'received',
  final: true,
} as const;
const USAGE: Output<'usage.get'> = {
  orgid: 'acme',
  ...FRAME,
  as_of: `4:${HASH}`,
  ...TOTALS,
  boundary: { from: null, to: { seq: '4', hash: HASH } },
};
const ORGANIZATION: Output<'organizations.get'> = {
  orgid: 'acme',
  seq: '4',
  hash: HASH,
  received: '2026-11-30T22:59:59.999Z',
  totals: TOTALS,
};
const VERIFICATION: Output<'verifications.get'> = {
  id: '3f1c2f0e-3b57-4b0e-9c5e-8f0a6c1d2e3f',
  orgid: 'acme',
  state: 'running',
  started: '2026-12-01T08:00:00.000Z',
  progress: { phase: 'ledger', done: '1200', total: '4711' },
};

export const EXAMPLES: { readonly [Name in OperationName]?: Output<Name> } = {
  'organizations.list': { organizations: [ORGANIZATION], next: 'acme' },
  'organizations.get': ORGANIZATION,
  'usage.get': USAGE,
  'usage.all': {
    ...FRAME,
    as_of: `sha256:${HASH}`,
    organizations: [USAGE],
    sum: TOTALS,
  },
  'verifications.start': VERIFICATION,
  'verifications.get': VERIFICATION,
  'status.get': { version: '0.1.0', role: 'reader', tz: '2026c', position: '4711', watermark: '98765', behind: '0' },
};
