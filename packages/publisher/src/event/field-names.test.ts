import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { artifactUploaded } from '@waybill/schema';
import { createDataCheck } from '@waybill/schema/internal';
import { expect, onTestFinished, test } from 'vitest';
import { createPublisher } from '../publisher/publisher.ts';
import { fileSink } from '../sinks/file-sink.ts';
import { createNameCheck } from './field-names.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const TYPE = 'casartifact.uploaded';

function look(...fields: object[]): string[] {
  const said: string[] = [];
  const check = createNameCheck(createDataCheck().rulesOf, (type, name, meant) =>
    said.push(`${type} ${name} ${meant}`),
  );
  for (const one of fields) check(TYPE, one);
  return said;
}

test.each([
  ['sizeBytes', 'size_bytes'],
  ['size_byte', 'size_bytes'],
  ['fileName', 'file_name'],
  ['filename', 'file_name'],
  ['actorId', 'actorid'],
  ['actor_type', 'actortype'],
  ['Digest', 'digest'],
  ['skiped', 'skipped'],
  ['transferedBytes', 'transferred_bytes'],
])('%s is like %s, and is said once', (name, meant) => {
  expect(look({ digest, [name]: 1 }, { [name]: 2 }).filter((line) => line.includes(` ${name} `))).toEqual([
    `${TYPE} ${name} ${meant}`,
  ]);
});

test('fields of a service of its own, and those of every type, are not', () => {
  const own = { size: 1, sized: 1, region: 'eu', tag: 'x', checksum: 'y', name: 'z', bytes: 1, x: 1, duration_ms: 1 };
  expect(look({ orgid: 'acme', digest, time: new Date(), ...own })).toEqual([]);
  // The right field is given, so the other one is intended.
  expect(look({ size_bytes: 1, sizeBytes: 1 })).toEqual([]);
  expect(look(...Array.from({ length: 10_000 }, (_, i) => ({ [`size_bytes${i % 10}${i}`]: i }))).length).toBeLessThan(
    300,
  );
});

test('publishers and file sinks say so in the log, once, also when the event is then refused', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const lines: string[] = [];
  const logger = { info: () => {}, warn: (_: object, message: string) => void lines.push(message) };
  for (const sink of [
    createPublisher({ source: '//x', connection: 'later', logger, spoolDir: join(directory, 's'), durability: 'sync' }),
    fileSink({ source: '//x', directory: join(directory, 'f'), logger }),
  ]) {
    lines.length = 0;
    for (let i = 0; i < 3; i++) sink.emit(artifactUploaded({ orgid: 'acme', digest, sizeBytes: 7 } as never));
    sink.emit(artifactUploaded({ orgid: 'acme', diggest: digest } as never));
    await sink.close({ timeoutMs: 50 });
    expect(lines.filter((line) => line.includes('meant?'))).toEqual([
      'casartifact.uploaded has no field sizeBytes: was size_bytes meant?',
      'casartifact.uploaded has no field diggest: was digest meant?',
    ]);
  }
});
