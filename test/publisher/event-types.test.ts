import { artifactDownloaded, artifactUploaded, createPublisher, defineEvent } from '@waybill/publisher';
import { memorySink } from '@waybill/publisher/testing';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { PATIENT } from '../support/time.ts';

const digest = `sha256:${'0'.repeat(64)}`;
const upload = (size_bytes: number) => artifactUploaded({ orgid: 'acme', digest, size_bytes });

test('takes the types that are allowed, built-in ones included', () => {
  const own = defineEvent({ type: 'release.approved', data: z.object({ version: z.string() }) });
  const sink = memorySink({ events: [own], allowTypes: ['casartifact.uploaded', 'release.approved'] });
  sink.emit(upload(1));
  sink.emit(artifactDownloaded({ orgid: 'acme', digest }));
  sink.emit(own({ orgid: 'acme', version: '1', secret: 'stripped' } as never));
  expect(sink.events.map(({ type, data }) => [type, data])).toEqual([
    ['casartifact.uploaded', { digest, size_bytes: 1 }],
    ['release.approved', { version: '1' }],
  ]);
  expect(sink.drops).toMatchObject([{ reason: 'type_not_allowed', type: 'casartifact.downloaded' }]);
  expect(sink.enabled('casartifact.downloaded')).toBe(false);
  expect(() => memorySink({ allowTypes: ['release.approved'] })).toThrow('neither built in nor in the option events');
});

test('an event that requires an actor has one, or is dropped and numbered', () => {
  const own = defineEvent({
    type: 'release.approved',
    data: z.object({ note: z.string().optional() }),
    actorRequired: true,
  });
  const sink = memorySink({ events: [own] });
  sink.emit(own({ orgid: 'acme' }));
  sink.emit(own({ orgid: 'acme', actortype: 'USER', actorid: 'u-7' }));
  expect(sink.drops).toMatchObject([
    { reason: 'invalid', producerseq: '1', detail: expect.stringContaining('requires an actor') },
  ]);
  expect(sink.events).toMatchObject([{ actorid: 'u-7' }]);
});

test('a value that is refused is in no log, no drop and no error', async () => {
  const key = 'AGE-SECRET-KEY-1hunter2';
  const told: unknown[] = [];
  const logger = { info: () => {}, warn: (...line: unknown[]) => void told.push(line) };
  const own = defineEvent({
    type: 'release.approved',
    data: z.object({
      version: z.string().transform((text) => {
        throw new Error(`no version: ${text}`);
      }),
    }),
  });
  await using audit = createPublisher({
    source: '//test',
    connection: 'later',
    events: [own],
    logger,
    onDrop: ({ detail, reason }) => void told.push(reason, detail),
  });
  const bad = [
    artifactUploaded({ orgid: 'acme', digest: key }),
    artifactUploaded({ orgid: 'acme', digest, size_bytes: key as never }),
    artifactUploaded({ orgid: 'acme', digest, actortype: key as never }),
    artifactUploaded({ orgid: `${key} `, digest }),
    { type: 'casartifact.uploaded', fields: { orgid: 'acme', digest, time: key } },
    { type: 'casartifact.uploaded', fields: { orgid: 'acme', digest, id: key } },
    { type: 'run.started', fields: { orgid: 'acme', name: 7, key: `${key}\ud800` } },
    own({ orgid: 'acme', version: key }),
  ];
  for (const event of bad) await expect(audit.confirm(event, PATIENT)).rejects.toThrow(/^(?!.*hunter2)/s);
  expect(audit.stats().dropped.invalid).toBe(bad.length);
  expect(told.length).toBeGreaterThan(2 * bad.length);
  expect(JSON.stringify(told)).not.toContain('hunter2');
});

test('a member that its schema lets be anything takes what a service has at hand; a typed one does not', () => {
  const own = defineEvent({
    type: 'model.asked',
    data: z.object({
      any: z.unknown(),
      json: z.json().optional(),
      map: z.record(z.string(), z.unknown()).optional(),
      text: z.string().optional(),
    }),
  });
  const sink = memorySink({ events: [own] });
  const at = new Date(0);
  sink.emit(own({ orgid: 'acme', any: [at, 1n], json: { at } as never, map: { at, error: new Error('no') } }));
  sink.emit(own({ orgid: 'acme', any: 1, text: at as never }));
  sink.emit(artifactUploaded({ orgid: 'acme', digest, extra: at } as never));
  const text = '1970-01-01T00:00:00.000Z';
  expect(sink.events.map(({ data }) => data)).toEqual([
    { any: [text, '1'], json: { at: text }, map: { at: text, error: { name: 'Error', message: 'no' } } },
  ]);
  expect(sink.drops).toMatchObject([
    { reason: 'invalid', detail: 'an object that is not plain, in text' },
    { reason: 'invalid', detail: 'an object that is not plain, in extra' },
  ]);
});
