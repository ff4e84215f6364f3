import { artifactDownloaded, artifactUploaded, defineEvent, memorySink } from '@waybill/publisher';
import { expect, test } from 'vitest';
import { z } from 'zod';

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
    { reason: 'invalid', sequence: '1', detail: expect.stringContaining('requires an actor') },
  ]);
  expect(sink.events).toMatchObject([{ actorid: 'u-7' }]);
});
