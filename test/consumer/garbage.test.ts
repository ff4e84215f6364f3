import { startConsumer } from '@waybill/consumer';
import { SYSTEM_CHAIN } from '@waybill/schema/internal';
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { caughtUp, checkLedger } from '../support/check-ledger.ts';
import { logger } from '../support/logger.ts';
import { startNats } from '../support/nats.ts';
import { artifactEvent, makeStreams, publishAll } from '../support/traffic.ts';

test('garbage neither stops the consumer nor disappears', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const good = () => artifactEvent(settings, { orgid: 'acme', kind: 'upload', bytes: 1 });
  const subject = good().subject;
  const with_ = (change: (event: Record<string, unknown>) => void): string => {
    const event = JSON.parse(good().payload) as Record<string, unknown>;
    change(event);
    return JSON.stringify(event);
  };
  const data = (event: Record<string, unknown>) => event['data'] as Record<string, unknown>;

  const garbage: [payload: string | Buffer, reason: string, subject?: string][] = [
    ['', 'not_json'],
    ['not JSON', 'not_json'],
    [Buffer.from([0xff, 0xfe, 0x00]), 'not_json'],
    ['null', 'not_an_event'],
    ['[]', 'not_an_event'],
    ['"text"', 'not_an_event'],
    [Buffer.alloc(1024 * 1024 - 512, 'x'), 'too_large'],
    [with_((e) => (e['orgid'] = 'someone-else')), 'not_an_event'],
    [with_((e) => (e['orgid'] = 42)), 'not_an_event'],
    [with_((e) => delete e['orgid']), 'not_an_event'],
    [with_((e) => (e['type'] = 'casartifact.downloaded')), 'not_an_event'],
    [with_((e) => (data(e)['size_bytes'] = '12')), 'not_an_event'],
    [with_((e) => (data(e)['size_bytes'] = -1)), 'not_an_event'],
    [with_((e) => (data(e)['digest'] = 'sha256:abc')), 'not_an_event'],
    [good().payload.replace('"size_bytes":1', '"size_bytes":9007199254740993'), 'not_exact'],
    [good().payload.replace('"size_bytes":1', '"size_bytes":1,"size_bytes":2'), 'not_exact'],
    [good().payload.replace('"size_bytes":1', '"size_bytes":1,"file_name":"\\ud800"'), 'not_canonical'],
    [
      good().payload.replace('"size_bytes":1', `"size_bytes":1,"deep":${'['.repeat(10_000)}${']'.repeat(10_000)}`),
      'not_canonical',
    ],
    [good().payload.replace('"specversion"', '"__proto__":{"orgid":"acme"},"specversion"'), 'not_an_event'],
    [good().payload, 'bad_subject', `${settings.auditPrefix}.casartifact.uploaded.-bad-org`],
    [good().payload, 'bad_subject', `${settings.auditPrefix}.casartifact`],
    [good().payload, 'bad_subject', `${settings.auditPrefix}.a.b.c.d.e`],
    [good().payload, 'bad_subject', `${settings.auditPrefix}.a.b._system`],
    [good().payload, 'not_an_event', `${settings.auditPrefix}.casartifact.uploaded`],
    [
      '{"EventType":"AUDIT_EVENT","Timestamp":"now","Data":{"OrgID":"a.b","ActionType":"X","TargetType":"Y"}}',
      'not_an_event',
      `${settings.auditPrefix}.y.x`,
    ],
    ['{"EventType":"AUDIT_EVENT","Data":7}', 'not_an_event', `${settings.auditPrefix}.y.x`],
  ];
  // Harmless, if odd: members that a prototype would swallow are kept and hashed like any other.
  const odd = good();
  const proto = {
    ...odd,
    payload: odd.payload.replace('"size_bytes":1', '"size_bytes":1,"__proto__":{"polluted":true}'),
  };

  await using consumer = await startConsumer({ nc, logger, ...settings, maxOpenEntries: 4 });
  for (const [payload, , at] of garbage) {
    nc.publish(at ?? subject, payload);
    await publishAll(nc, [good()]);
  }
  await publishAll(nc, [proto]);
  await caughtUp(nc, settings);

  expect(consumer.status()).toMatchObject({ role: 'writer', rejected: garbage.length, lastError: null });
  const ledger = await checkLedger(nc, settings);
  expect(ledger.totals.get('acme')).toMatchObject({
    events: String(garbage.length + 1),
    uploads: { count: String(garbage.length + 1), bytes: String(garbage.length + 1) },
  });
  expect(ledger.totals.size).toBe(1);
  expect(ledger.entries('acme').at(-1)?.event?.['data']).toHaveProperty(['__proto__'], { polluted: true });

  const records = ledger.entries(SYSTEM_CHAIN).map(({ event }) => event);
  expect(records.map((record) => record?.['reason'])).toEqual(garbage.map(([, reason]) => reason));
  for (const [i, [payload, , at]] of garbage.entries()) {
    const bytes = Buffer.from(payload);
    expect(records[i]).toMatchObject({
      kind: 'rejected',
      subject: at ?? subject,
      size: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      payload: bytes.subarray(0, 65_536).toString('base64'),
    });
  }
});

test('a hole in the stream is recorded: in the middle, at the beginning and at the end', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const { jetstreamManager } = await import('@nats-io/jetstream');
  const manager = await jetstreamManager(nc);
  await publishAll(
    nc,
    Array.from({ length: 12 }, (_, i) => artifactEvent(settings, { orgid: 'acme', kind: 'download', bytes: i })),
  );
  for (const seq of [1, 2, 6, 11, 12]) await manager.streams.deleteMessage(settings.auditStream, seq);

  await using consumer = await startConsumer({ nc, logger, ...settings });
  await caughtUp(nc, settings);
  expect(consumer.status()).toMatchObject({ gaps: 3, lastError: null });
  const ledger = await checkLedger(nc, settings);
  expect(ledger.entries(SYSTEM_CHAIN).map(({ event }) => event)).toEqual([
    { kind: 'gap', first: 1, last: 2 },
    { kind: 'gap', first: 6, last: 6 },
    { kind: 'gap', first: 11, last: 12 },
  ]);
  expect(ledger.totals.get('acme')?.events).toBe('7');
});

test('a producer cannot make the consumer misread what others send', async () => {
  // V8 reads a name with an escape wrongly once it has seen a member named by a backslash (parse-json.ts).
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const withData = (orgid: string, member: string) => {
    const made = artifactEvent(settings, { orgid, kind: 'upload', bytes: 1 });
    const { payload } = made;
    const event = JSON.parse(payload) as { data: object };
    // First in the object, so that it begins as the other's does.
    const data = JSON.stringify(event.data).replace('{', `{"a":1,"${member}":2,`);
    return { ...made, payload: payload.replace(JSON.stringify(event.data), data) };
  };
  await using consumer = await startConsumer({ nc, logger, ...settings });
  await publishAll(nc, [withData('mallory', '\\\\'), withData('acme', '\\n'), withData('acme', '\\u0015')]);
  await caughtUp(nc, settings);
  await consumer.close();
  const { chains } = await checkLedger(nc, settings);
  const members = chains.get('acme')?.map((line) => /"(\\[^"]*)":2/.exec(line)?.[1]);
  expect(members).toEqual(['\\n', '\\u0015']);
});
