/**
 * `waybill-verify` as one file, alone in an empty folder: it says the same as `waybill verify`, byte for byte in JSON.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { createReceiptKeys, verifyBillFile, verifyFiles } from '@waybill/verify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  acknowledged,
  KEYID,
  makeBill,
  makeEvent,
  makeReplay,
  makeSystem,
  OTHER_KEY,
  PUBLIC_KEY,
  signEvent,
} from '../../packages/verify/test-support/files.ts';
import { bundleVerify, type VerifyBundle, writeVerifyBundle } from '../../scripts/bundle-verify.ts';
import { type Ended, runProgram } from '../support/program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { waybill } from '../support/waybill.ts';

/** The whole tool, as a browser or a mail gets it. */
const MAX_GZIP_BYTES = 45 * 1024;

const folder = temporaryDirectory();
afterAll(() => folder[Symbol.dispose]());
const path = (name: string): string => join(folder.path, name);
const tool = (): string => join(path('alone'), 'waybill-verify.mjs');
let bundle: VerifyBundle;
beforeAll(async () => {
  mkdirSync(path('alone'));
  bundle = await writeVerifyBundle(tool());
});

test('it is small, imports Node alone, and is the same whenever it is made', async () => {
  expect(readdirSync(path('alone'))).toEqual(['waybill-verify.mjs']);
  expect(gzipSync(bundle.bytes, { level: 9 }).length).toBeLessThanOrEqual(MAX_GZIP_BYTES);
  expect(bundle.imports.length).toBeGreaterThan(2);
  expect(bundle.imports.filter((name) => !name.startsWith('node:'))).toEqual([]);
  expect(Buffer.from(bundle.bytes).toString('utf8')).not.toContain('require(');
  expect((await bundleVerify()).sha256).toBe(bundle.sha256);
});

const lines = makeReplay([1, 2, 3, 4, 5].map((n) => signEvent(makeEvent(n))));
const replay = `${lines.join('\n')}\n`;
const gapped = makeReplay([1, 2, 5].map((n) => makeEvent(n)));
const system = makeSystem([{ event: acknowledged(3, 4), place: 4 }]);
const bill = makeBill(lines, { days: 31 });
const head = (n: number): string => `${n}:${(JSON.parse(lines[n - 1] as string) as { hash: string }).hash}`;
const signer = `${KEYID}=${PUBLIC_KEY}`;
const FILES: Record<string, string | Uint8Array> = {
  replay,
  bill,
  gapped: gapped.join('\n'),
  system: system.join('\n'),
  'system-head': JSON.stringify([
    { orgid: '_system', seq: 1, hash: (JSON.parse(system[0] as string) as { hash: string }).hash },
  ]),
  old: lines.slice(0, 2).join('\n'),
  new: lines.slice(2).join('\n'),
  event: replay.replace('"type":"run.started"', '"type":"run.stopped"'),
  core: replay.replace('"received":"2026-11-02', '"received":"2026-11-03'),
  hash: replay.replace(/"hash":"(.)/, (_, first) => `"hash":"${first === '0' ? '1' : '0'}`),
  volume: replay.replace('"kind":"none"', '"kind":"upload"'),
  removed: lines.toSpliced(2, 1).join('\n'),
  swapped: lines
    .with(1, lines[2] as string)
    .with(2, lines[1] as string)
    .join('\n'),
  twice: replay + replay,
  crlf: replay.replaceAll('\n', '\r\n'),
  bom: `\uFEFF${replay}`,
  utf16: Buffer.from(`\uFEFF${replay}`, 'utf16le'),
  cut: replay.slice(0, -30),
  middle: replay.slice(100),
  jq: replay.replaceAll('":', '": '),
  empty: '',
  hello: 'hello\n',
  'unsigned-bill': makeBill(lines, { isSigned: false }),
  'bill-number': bill.replace('"events":"5"', '"events":"4"'),
  'bill-bound': bill.replace('2026-11-02T00:00:00.000Z', '2026-11-02T01:00:00.000Z'),
  'bill-issuer': bill.replace('Example Ltd', 'Example Inc'),
  'bill-crlf': bill.replace('\n', '\r\n'),
  'bill-bom': `\uFEFF${bill}`,
  'bill-cut': bill.slice(0, 500),
  heads: JSON.stringify([{ orgid: 'acme', seq: 3, hash: head(3).slice(2) }]),
};
beforeAll(() => {
  for (const [name, content] of Object.entries(FILES)) writeFileSync(path(name), content);
});

/** As a process in the folder that has nothing else. */
function verifyAlone(args: readonly string[]): Promise<Ended> {
  return runProgram([tool(), ...args], { cwd: path('alone') });
}

const CHAINS = `replay gapped event core hash volume removed swapped twice new
  crlf bom utf16 cut middle jq empty hello`
  .split(/\s+/)
  .map((name) => [name]);

test.for(
  [
    ...CHAINS,
    ['new', 'old'],
    ['new', '--from-seq', '3'],
    ['gapped', '--system', 'system'],
    ['gapped', '--system', 'system', '--expect-file', 'system-head'],
    ['gapped', '--system', 'replay'],
    ['replay', '--org', 'bolt'],
    ['old', '--expect', head(5)],
    ['replay', '--expect-file', 'heads'],
    ['replay', '--signer', signer, '--require-signed'],
    ['gapped', '--signer', signer, '--require-signed'],
    ['replay', '--signer', `${KEYID}=${OTHER_KEY}`],
  ].map((args) => ({ args })),
)('of a chain: $args', async ({ args }) => {
  const named = args.map((arg) => (Object.hasOwn(FILES, arg) ? path(arg) : arg));
  await expectSame(named, ['--file', ...named]);
});

test.for(
  [
    ...['bill', 'unsigned-bill', 'bill-number', 'bill-bound', 'bill-issuer', 'bill-crlf', 'bill-bom', 'bill-cut'].map(
      (name) => [name],
    ),
    ['bill', '--key', PUBLIC_KEY],
    ['bill', '--key', OTHER_KEY],
    ['bill-issuer', '--key', PUBLIC_KEY],
    ['unsigned-bill', '--key', PUBLIC_KEY],
    ['bill', '--expect', head(3)],
    ['bill', '--expect', `3:${'0'.repeat(64)}`],
    ['bill', '--expect-file', 'heads'],
    ['bill', '--replay', 'replay'],
    ['bill', '--replay', 'new', '--replay', 'old'],
    ['bill', '--replay', 'event'],
    ['bill', '--replay', 'old'],
  ].map((args) => ({ args })),
)('of a bill: $args', async ({ args }) => {
  const named = args.map((arg) => (Object.hasOwn(FILES, arg) ? path(arg) : arg));
  await expectSame(named, ['--bill', ...named]);
});

async function expectSame(args: readonly string[], those: readonly string[]): Promise<void> {
  const [alone, whole] = await Promise.all([verifyAlone([...args, '--json']), waybill(['verify', ...those, '--json'])]);
  expect({ code: alone.code, stdout: alone.stdout, stderr: alone.stderr }).toEqual(whole);
  expect(Object.keys(JSON.parse(alone.stdout) as object)).toContain('verdict');
  const [said, saidThere] = await Promise.all([verifyAlone(args), waybill(['verify', ...those])]);
  // Above the report it says what it took the files for. A note names the command that it is about.
  expect(said.stdout.endsWith(saidThere.stdout)).toBe(true);
  const neutral = (note: string): string =>
    note.replace(/^waybill(-verify)?: /, '').replaceAll(/waybill-verify|--file/g, 'X');
  expect(neutral(said.stderr)).toBe(neutral(saidThere.stderr));
}

test('the library gives the same reports', async () => {
  const reportOf = async (...args: string[]) => JSON.parse((await verifyAlone([...args, '--json'])).stdout) as unknown;
  for (const name of ['replay', 'event', 'crlf']) {
    const { report, hint } = await verifyFiles(path(name));
    expect(report).toEqual(await reportOf(path(name)));
    expect(hint?.includes('CR LF') ?? null, name).toBe(name === 'crlf' ? true : null);
  }
  const whole = { replay: [path('new'), path('old')], keys: createReceiptKeys(new Map([[KEYID, PUBLIC_KEY]])) };
  const { report } = await verifyBillFile(path('bill'), whole);
  expect(report).toEqual(await reportOf(path('bill'), path('old'), path('new'), '--key', PUBLIC_KEY));
});

test('what it says of each kind of tampering', async () => {
  const verdicts = await Promise.all(CHAINS.map(async ([name = '']) => [name, (await verifyAlone([path(name)])).code]));
  expect(Object.fromEntries(verdicts)).toEqual({
    ...Object.fromEntries(CHAINS.map(([name]) => [name, 1])),
    replay: 0,
    gapped: 3,
    utf16: 4,
    empty: 4,
    hello: 4,
  });
});

test('a standard input that goes on keeps no process that has answered', async () => {
  for (const [args, code] of [
    [['-', '--key', PUBLIC_KEY], 64],
    [['-', '--org', 'bolt'], 1],
  ] as const) {
    const child = spawn(process.execPath, [tool(), ...args], {
      cwd: path('alone'),
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    child.stdin.on('error', () => undefined).write(replay);
    expect(await once(child, 'exit')).toEqual([code, null]);
  }
});

test('the standard input: a replay, a bill, and a bill with a replay', async () => {
  const said = async (input: string, ...args: string[]): Promise<Ended> =>
    runProgram([tool(), ...args], { cwd: path('alone'), input });
  expect(await said(replay, '-')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^the standard input: a replay\n/),
  });
  expect(await said(bill, '-')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('verdict: ok, unanchored\n'),
  });
  const both = await said(replay, path('bill'), '-');
  expect(both).toMatchObject({ code: 0, stdout: expect.stringMatching(/verdict: ok\n$/) });
});
