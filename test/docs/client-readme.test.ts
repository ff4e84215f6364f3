/** The code of the client's README runs, and errors.md has its codes. */
import { CLIENT_ERROR_CODES } from '@waybill/client';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLedgerBuilder } from '../support/ledger-builder.ts';
import { startNats, type TestNats } from '../support/nats.ts';
import { programText, runProgram } from '../support/program.ts';
import { ROOT } from '../support/repository.ts';
import { type ServedReader, serveReader } from '../support/served-reader.ts';
import { makeStreams } from '../support/traffic.ts';

const README = readFileSync(join(ROOT, 'packages/client/README.md'), 'utf8');
const [asking, overNats, following, verifying] = [...README.matchAll(/^```ts\n(.*?)^```$/gms)].map(
  ([, code]) => code as string,
);

let server: TestNats;
let reader: ServedReader;

beforeAll(async () => {
  server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const builder = createLedgerBuilder(nc, settings);
  for (let i = 0; i < 4; i++) builder.append({ orgid: 'acme', received: `2025-11-0${i + 1}T12:00:00.000Z`, bytes: 10 });
  await builder.commit();
  reader = await serveReader(nc, settings);
});

afterAll(async () => {
  await reader[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

test.for([
  ['asking', asking, '40 bytes up on 30 days\nacme: 0 bytes down\nbill of acme\n'],
  ['over NATS', overNats, '40 bytes up\n'],
  ['following', following, '3 casartifact.uploaded\n4 casartifact.uploaded\n'],
  ['verifying', verifying, expect.stringMatching(/^(ok|incomplete|tampered)\n$/)],
] as const)('the example of %s runs', async ([, code, stdout]) => {
  const env = { WAYBILL_URL: reader.url, WAYBILL_TOKEN: 'root', NATS_URL: server.url };
  const ended = await runProgram(programText(code ?? ''), { env });
  expect(ended, ended.stderr).toMatchObject({ code: 0, stdout });
});

test('docs/reference/errors.md lists exactly the codes of the client', () => {
  const text = readFileSync(join(ROOT, 'docs/reference/errors.md'), 'utf8');
  const section = text.split('## `@waybill/client`')[1]?.split('\n## ')[0] ?? '';
  expect([...section.matchAll(/^### `(\w+)`$/gm)].map(([, code]) => code)).toEqual([...CLIENT_ERROR_CODES]);
});
