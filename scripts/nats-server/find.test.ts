import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { findNatsServer } from './find.ts';
import { OLDEST_NATS_SERVER } from './version.ts';

let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waybill-find-'));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

/** A program that says it is a nats-server of this version, and is nothing else. */
async function pretend(version: string): Promise<string> {
  const path = join(folder, 'nats-server');
  await writeFile(path, `#!/bin/sh\necho "nats-server: v${version}"\n`, { mode: 0o755 });
  return path;
}

test('NATS_SERVER_BIN is taken before PATH', async () => {
  const path = await pretend('2.99.0');
  vi.stubEnv('NATS_SERVER_BIN', path);
  expect(await findNatsServer(console.error)).toEqual({
    kind: 'binary',
    path,
    version: '2.99.0',
    origin: 'NATS_SERVER_BIN',
  });
});

test('a NATS_SERVER_BIN that is too old is an error, not a reason to look elsewhere', async () => {
  const path = await pretend('2.9.10');
  vi.stubEnv('NATS_SERVER_BIN', path);
  await expect(findNatsServer(console.error)).rejects.toThrow(
    `NATS_SERVER_BIN: ${path} is 2.9.10, and ${OLDEST_NATS_SERVER} or newer is needed`,
  );
});

test('a NATS_SERVER_BIN that is no program is named', async () => {
  vi.stubEnv('NATS_SERVER_BIN', join(folder, 'missing'));
  await expect(findNatsServer(console.error)).rejects.toThrow(
    `NATS_SERVER_BIN: ${folder}/missing is no executable file`,
  );
});

test('a new enough nats-server on PATH is taken', async () => {
  const path = await pretend('2.99.0');
  vi.stubEnv('NATS_SERVER_BIN', '');
  vi.stubEnv('PATH', `${folder}${delimiter}${process.env['PATH'] ?? ''}`);
  expect(await findNatsServer(console.error)).toMatchObject({ path, origin: 'on PATH' });
});
