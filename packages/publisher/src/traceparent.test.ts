/** https://www.w3.org/TR/trace-context/#traceparent-header, and "Versioning of traceparent" there. */
import { artifactUploaded, requestHandled } from '@waybill/schema';
import { Hono } from 'hono';
import { describe, expect, test } from 'vitest';
import { auditRequests } from './adapters/hono.ts';
import { memorySink } from './sinks/memory-sink.ts';
import { readTraceparent } from './traceparent.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const IDS = `${TRACE}-${PARENT}`;
const digest = `sha256:${'0'.repeat(64)}`;

/** The given header, and what the event has. */
const valid = [
  [`00-${IDS}-01`, `00-${IDS}-01`],
  [`00-${IDS}-00`, `00-${IDS}-00`],
  // Unknown flags of version 00 stay.
  [`00-${IDS}-ff`, `00-${IDS}-ff`],
  // A later version becomes version 00, and of its flags only `sampled` stays.
  [`01-${IDS}-01`, `00-${IDS}-01`],
  [`cc-${IDS}-01-what-the-future-will-be-like`, `00-${IDS}-01`],
  [`cc-${IDS}-fe-`, `00-${IDS}-00`],
  [`fe-${IDS}-03`, `00-${IDS}-01`],
] as const;

const invalid = [
  `ff-${IDS}-01`,
  `00-${'0'.repeat(32)}-${PARENT}-01`,
  `00-${TRACE}-${'0'.repeat(16)}-01`,
  `01-${'0'.repeat(32)}-${PARENT}-01`,
  `01-${TRACE}-${'0'.repeat(16)}-01`,
  `00-${IDS}-01-more`,
  `00-${IDS}-01-`,
  `01-${IDS}-01.more`,
  `01-${IDS}-0`,
  `01-${IDS}`,
  `00-${IDS.toUpperCase()}-01`,
  `0X-${IDS}-01`,
  `00-${IDS}-0x`,
  `00-${IDS}-01, 00-${IDS}-01`,
  `01-${IDS}-01, 01-${IDS}-01`,
  ` 00-${IDS}-01`,
  `00-${IDS}-01\n`,
  '',
];

test.for(valid)('%s is read as %s', ([given, written]) => expect(readTraceparent(given)).toBe(written));

test.for(invalid)('%j is ignored', (given) => expect(readTraceparent(given)).toBe(undefined));

test.for([undefined, null, 7, [`00-${IDS}-01`], {}])('%j is ignored, too', (given) => {
  expect(readTraceparent(given)).toBe(undefined);
});

describe('in an event', () => {
  test('an event of a request has the traceparent of the header', async () => {
    const audit = memorySink();
    const app = new Hono().use(auditRequests({ audit, claims: () => ({ sub: 'u', org_id: 'acme' }) }));
    app.get('/', (c) => c.text('ok'));
    const headers = [...valid.map(([given]) => given), ...invalid.filter((given) => !given.includes('\n'))];
    for (const traceparent of headers) await app.request('/', { headers: { traceparent } });
    const written = audit.events.map(({ traceparent }) => traceparent);
    // HTTP itself removes white space.
    const expected = headers.map((given) => readTraceparent(given.trim()));
    expect(written).toEqual(expected);
    expect(audit.drops).toEqual([]);
  });

  test('a wrong traceparent that a service copies from a header never drops the event', () => {
    const audit = memorySink();
    for (const [traceparent] of valid) audit.emit(artifactUploaded({ orgid: 'acme', digest, traceparent }));
    expect(audit.events.map(({ traceparent }) => traceparent)).toEqual(valid.map(([, written]) => written));
    audit.clear();
    const request = { orgid: 'acme', method: 'GET', status: 200, duration_ms: 1 };
    for (const traceparent of invalid) audit.emit(requestHandled({ ...request, traceparent }));
    expect(audit.events.map(({ traceparent }) => traceparent)).toEqual(invalid.map(() => undefined));
    expect(audit.drops).toEqual([]);
  });
});
