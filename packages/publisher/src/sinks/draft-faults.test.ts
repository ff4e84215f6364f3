/** What somebody is told who hands over something that is no event. */
import { artifactUploaded } from '@waybill/schema';
import { expect, test } from 'vitest';
import type { Drop } from '../drop.ts';
import { createPublisher } from '../publisher/publisher.ts';
import { memorySink } from './memory-sink.ts';

const digest = `sha256:${'a'.repeat(64)}`;

test.each([
  [
    'a plain object',
    { orgid: 'acme', digest },
    /its type is no string; make it by calling its type, as artifactUploaded/,
  ],
  [
    'one with a type',
    { type: 'casartifact.uploaded', orgid: 'acme', digest },
    /no fields: make it by calling its type/,
  ],
  ['nothing', undefined, /make it by calling its type, as artifactUploaded/],
  ['no orgid', artifactUploaded({ digest } as never), /^orgid is missing$/],
  [
    'a misspelt orgid',
    artifactUploaded({ digest, orgId: 'acme' } as never),
    /^orgid is missing; there is no field orgId$/,
  ],
  ['a number', artifactUploaded({ digest, orgid: 7 } as never), /^orgid is a number: expected /],
  ['a wrong one', artifactUploaded({ digest, orgid: 'a b' }), /^orgid is a string of 3 characters: expected /],
])('%s', (_, input, said) => {
  const sink = memorySink();
  sink.emit(input as never);
  expect(sink.drops[0]).toMatchObject({ reason: 'invalid', detail: expect.stringMatching(said) });
});

test('the log line of a drop has what is known, and nothing that is undefined', async () => {
  const lines: { fields: object; message: string }[] = [];
  const drops: Drop[] = [];
  const warn = (fields: object, message: string): void => void lines.push({ fields, message });
  const logger = { info: () => {}, warn };
  const audit = createPublisher({ source: '//x', connection: 'later', logger, onDrop: (drop) => drops.push(drop) });
  audit.emit({ digest } as never);
  await audit.close({ timeoutMs: 1 });
  const line = lines.find(({ message }) => message === 'event dropped');
  expect(Object.keys(line?.fields ?? {})).toEqual(['reason', 'detail', 'count']);
  expect(drops).toHaveLength(1);
});

test('a publisher without servers names the option', () => {
  const lines: string[] = [];
  const logger = { info: () => {}, warn: (_: object, message: string) => void lines.push(message) };
  createPublisher({ source: '//x', servers: undefined, logger });
  expect(lines.join()).toContain('the option servers');
});
