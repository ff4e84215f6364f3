/** What `waybill-verify` answers, also to those who give it the wrong thing. */
import { mkdirSync, mkdtempDisposableSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { canonicalJson, type ChainReport } from '@waybill/schema/verify';
import { afterAll, expect, test } from 'vitest';
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
} from '../../test-support/files.ts';
import { HELP } from './command-line.ts';
import { runWaybillVerify } from './main.ts';
import { createOutput } from './output.ts';

const folder = mkdtempDisposableSync(join(tmpdir(), 'waybill-verify-'));
afterAll(() => folder.remove());
const path = (name: string): string => join(folder.path, name);
const keep = (name: string, content: string | Uint8Array): void => writeFileSync(path(name), content);

const lines = makeReplay([1, 2, 3, 4, 5].map((n) => signEvent(makeEvent(n))));
const text = (from: number, to = 5): string =>
  lines
    .slice(from - 1, to)
    .map((line) => `${line}\n`)
    .join('');
const bill = makeBill(lines);
const head = (n: number): string => `${n}:${(JSON.parse(lines[n - 1] as string) as { hash: string }).hash}`;
keep('chain', text(1));
keep('old', text(1, 3));
keep('new', text(4));
keep('one', text(4, 4));
keep('first', text(1, 1));
keep('bill', bill);
keep('bill2', makeBill(lines, { days: 2 }));
keep('unsigned-bill', makeBill(lines, { isSigned: false }));
keep('changed-bill', bill.replace('Example Ltd', 'Example Inc'));
keep('receipt', canonicalJson(signEvent(makeEvent(1))));
keep('receipt2', canonicalJson(signEvent(makeEvent(2))));
keep('gz', gzipSync(text(1)));
const file = (all: readonly string[]): string => all.map((line) => `${line}\n`).join('');
// The third and the fourth event never arrived, and the fifth showed it at place 3 of AUDIT.
keep('gapped', file(makeReplay([1, 2, 5].map((n) => makeEvent(n)))));
const system = makeSystem([{ event: acknowledged(3, 4), place: 4 }]);
const systemHash = (JSON.parse(system[0] as string) as { hash: string }).hash;
keep('system', file(system));
keep('system-early', file(makeSystem([{ event: acknowledged(3, 4), place: 2 }])));
keep('system-half', file(makeSystem([{ event: acknowledged(4, 4), place: 4 }])));
keep('system-bolt', file(makeSystem([{ event: acknowledged(3, 4, { orgid: 'bolt' }), place: 4 }])));
keep('system-changed', file(system).replace('"first":3', '"first":2'));
keep('system-head', JSON.stringify([{ orgid: '_system', seq: 1, hash: systemHash }]));
keep('system-other-head', JSON.stringify([{ orgid: '_system', seq: 1, hash: head(1).slice(2) }]));
keep('system-later-head', JSON.stringify([{ orgid: '_system', seq: 2, hash: systemHash }]));
keep('chain-twice', text(1) + text(1));
keep('utf16', Buffer.from(`\uFEFF${text(1)}`, 'utf16le'));
keep('old-blank', `${text(1, 3)}\n\n`);
keep('crlf', text(1).replaceAll('\n', '\r\n'));
keep('empty', '');
keep('photo', Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'));
keep('long', `{"core":${'"x"'.repeat(3_000_000)}`);
keep('heads', JSON.stringify([{ orgid: 'acme', seq: 3, hash: head(3).slice(2) }]));
keep('key', `${PUBLIC_KEY}\n`);
keep('other-heads', JSON.stringify([{ orgid: 'bolt', seq: 3, hash: head(3).slice(2) }]));
mkdirSync(path('dir'));
symlinkSync(path('chain'), path('link'));

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const named = args.map((arg) => (/^[@]/.test(arg) ? path(arg.slice(1)) : arg));
  const code = await runWaybillVerify(named, createOutput(stdout as never, stderr as never));
  const read = (stream: PassThrough): string => String(stream.read() ?? '').replaceAll(`${folder.path}/`, '');
  return { code, out: read(stdout), err: read(stderr) };
}

const SIGNER = `${KEYID}=${PUBLIC_KEY}`;

test.each<[args: string, code: number, about: string, verdict: string]>([
  ['@chain', 0, 'chain: a replay', 'ok'],
  ['@new @old', 0, 'new: a replay\nold: a replay', 'ok'],
  ['@new @old-blank', 0, 'new: a replay\nold-blank: a replay', 'ok'],
  ['@one @old', 0, 'one: one entry out of a chain, which is a receipt if its event is signed\nold: a replay', 'ok'],
  ['@new', 1, 'new: a replay', 'tampered'],
  ['@new --from-seq 4', 0, 'new: a replay', 'ok'],
  [`@chain --signer ${SIGNER} --require-signed`, 0, 'chain: a replay', 'ok'],
  [`@chain --signer ${KEYID}=${OTHER_KEY}`, 1, 'chain: a replay', 'tampered'],
  ['@chain --org bolt', 1, 'chain: a replay', 'tampered'],
  [`@old --expect ${head(5)}`, 2, 'old: a replay', 'truncated'],
  ['@chain --expect-file @heads', 0, 'chain: a replay', 'ok'],
  ['@first', 0, 'first: a replay', 'ok'],
  ['@bill', 0, 'bill: a bill', 'ok, unanchored'],
  [`@bill --key ${PUBLIC_KEY}`, 0, 'bill: a bill', 'ok, unanchored'],
  [`@bill --key ${OTHER_KEY}`, 1, 'bill: a bill', 'tampered'],
  [`@unsigned-bill --key ${PUBLIC_KEY}`, 1, 'unsigned-bill: a bill', 'tampered'],
  [`@changed-bill --key ${PUBLIC_KEY}`, 1, 'changed-bill: a bill', 'tampered'],
  ['@bill @new @old', 0, "bill: a bill\nnew: a replay, in which the bill's entries are looked for", 'ok'],
  ['@bill --replay @new --replay @old', 0, 'bill: a bill', 'ok'],
  ['@bill @new @old-blank', 0, 'bill: a bill', 'ok'],
  ['@bill @first', 2, 'bill: a bill', 'truncated'],
  ['@bill @photo', 4, 'bill: a bill\nphoto: no bill and no receipt', 'unreadable'],
  [`@bill --expect ${head(3)}`, 0, 'bill: a bill', 'ok, 2 of 4 cuts anchored'],
  ['@bill --expect-file @heads', 0, 'bill: a bill', 'ok, 2 of 4 cuts anchored'],
  [
    `@receipt --signer ${SIGNER}`,
    0,
    'receipt: an event, which is a receipt if it is signed',
    `ok, signed by the key ${KEYID}`,
  ],
  ['@receipt', 3, 'receipt: an event', 'incomplete, not checked'],
  [`@receipt --signer ${KEYID}=${OTHER_KEY}`, 1, 'receipt: an event', 'tampered'],
  [`@one --signer ${SIGNER}`, 0, 'one: one entry out of a chain', `ok, signed by the key ${KEYID}`],
  ['@one --from-seq 4', 0, 'one: one entry', 'ok'],
  ['@gapped', 3, 'gapped: a replay', 'incomplete'],
  ['@gapped --system @system', 0, 'gapped: a replay', 'ok, 2 acknowledged losses'],
  ['@gapped --system @system --expect-file @system-head', 0, 'gapped: a replay', 'ok, 2 acknowledged losses'],
  ['@gapped --system @system --expect-file @system-other-head', 1, 'gapped: a replay', 'tampered'],
  ['@gapped --system @system --expect-file @system-later-head', 2, 'gapped: a replay', 'truncated'],
  ['@gapped --system @system-early', 3, 'gapped: a replay', 'incomplete'],
  ['@gapped --system @system-half', 3, 'gapped: a replay', 'incomplete, 1 acknowledged loss'],
  ['@gapped --system @system-bolt', 3, 'gapped: a replay', 'incomplete'],
  ['@gapped --system @system-changed', 1, 'gapped: a replay', 'tampered'],
  ['@gapped --system @chain', 1, 'gapped: a replay', 'tampered'],
  ['@gapped --system @empty', 4, 'gapped: a replay', 'unreadable'],
  ['@new --system @empty', 4, 'new: a replay', 'unreadable'],
  ['@chain --system @system', 0, 'chain: a replay', 'ok'],
  ['@empty', 4, 'empty: an empty file', 'unreadable'],
  ['@photo', 4, 'photo: no bill and no receipt, so it has to be a replay', 'unreadable'],
  ['@long', 4, 'long: a replay', 'unreadable'],
])('waybill-verify %s', async (args, code, about, verdict) => {
  const { out, err, ...ended } = await run(...args.split(' '));
  expect({ ...ended, err, out }).toEqual({ code, err: expect.any(String), out: expect.stringContaining(about) });
  expect(out.startsWith(about)).toBe(true);
  expect(out.trimEnd().split('\n').at(-1)).toBe(`verdict: ${verdict}`);
});

test.each<[args: string, code: number, said: string]>([
  ['', 64, 'there is no FILE; see --help'],
  ['@missing', 66, 'could not read missing: ENOENT'],
  ['@dir', 66, 'it is a folder: give the files in it'],
  ['@gz', 66, 'could not read gz: it is compressed by gzip; use <(zcat gz)'],
  ['@bill @bill', 64, 'bill is given twice'],
  ['@chain @link', 64, 'chain and link are the same file'],
  ['@bill @chain --replay @link', 64, 'chain and link are the same file'],
  ['@bill --replay @bill', 64, 'bill is given twice'],
  ['@gapped --system @gapped', 64, 'gapped is given twice'],
  ['@bill --system @system', 64, '--system is for chains'],
  ['@receipt --system @system', 64, '--system is for chains'],
  ['@gapped --system @gz', 66, 'it is compressed by gzip'],
  ['@bill @gz', 66, 'it is compressed by gzip; use <(zcat gz)'],
  ['@bill --replay @gz', 66, 'it is compressed by gzip; use <(zcat gz)'],
  ['@bill @bill2', 64, 'bill is taken for a bill; bill2 for a bill: judge them one at a time'],
  ['@receipt @receipt2', 64, 'judge them one at a time'],
  ['@bill @receipt', 64, 'receipt is taken for an event, which is a receipt if it is signed; bill for a bill'],
  ['@receipt @chain', 64, 'judge them one at a time'],
  [`@chain --key ${PUBLIC_KEY}`, 64, '--key is for a bill, and chain is taken for a replay'],
  ['@chain --replay @old', 64, '--replay is for a bill'],
  [`@bill --signer ${SIGNER}`, 64, '--signer is for chains'],
  ['@bill --org acme', 64, '--org is for chains'],
  ['@bill --require-signed', 64, '--require-signed is for chains'],
  ['@bill --expect-file @other-heads', 64, '--expect-file has no head of acme'],
  [`@receipt --expect ${head(1)}`, 64, '--expect is for chains, and receipt is one event'],
  ['@chain --require-signed', 64, '--require-signed needs --signer'],
  ['@chain --expect 1', 64, '--expect is "1": expected SEQ:HASH'],
  ['@chain --from-seq 0', 64, '--from-seq is 0'],
  ['@chain --org a.b', 64, '--org is "a.b"'],
  ['--bill @bill', 64, 'there is no option --bill: did you mean the name alone?'],
  ['--file @chain', 64, 'there is no option --file: did you mean the name alone?'],
  ['@chain @heads', 64, 'heads is taken for heads of chains: give it as --expect-file HEADS'],
  ['@bill @key', 64, 'key is taken for a public key: give it as --key KEY'],
  ['@chain --org acme --org bolt', 64, '--org is given twice; see --help'],
  ['@chain --exepct 1', 64, 'did you mean --expect?'],
  ['@bill --key x', 64, 'the public key of'],
  [`@bill --key a=${PUBLIC_KEY} --key a=${OTHER_KEY}`, 64, 'another key of this id was given'],
])('waybill-verify %s: an error', async (args, code, said) => {
  const words = args.split(' ').filter((word) => word !== '');
  const ended = await run(...words);
  expect(ended).toEqual({ code, out: '', err: expect.stringContaining(said) });
  expect(ended.err).toMatch(/^waybill-verify: .*\n$/);
  const json = await run(...words, '--json');
  expect(JSON.parse(json.err)).toEqual({ error: { code: expect.any(String), message: expect.stringContaining(said) } });
});

test.each<[string, string, string]>([
  ['CR LF', bill.replace('\n', '\r\n'), 'the line ends with CR LF'],
  ['no line feed', bill.trimEnd(), 'the line feed at the end is lacking'],
  ['blank lines', `${bill}\n\n`, 'there are blank lines at the end'],
  ['a byte order mark', `\uFEFF${bill}`, 'this begins with a byte order mark'],
  ['jq', JSON.stringify(JSON.parse(bill), null, 2), 'the values are unchanged'],
  ['a cut', bill.slice(0, 300), 'the file ends in the middle'],
  ['the same file twice', bill + bill, 'something follows the bill'],
])('a bill that was mangled on its way: %s', async (_, content, said) => {
  keep('mangled', content);
  const { code, out, err } = await run('@mangled');
  expect({ code, err }).toEqual({ code: 4, err: expect.stringContaining(`waybill-verify: ${said}`) });
  expect(out).toMatch(/^mangled: a bill\n.*\nverdict: unreadable\n$/);
  expect((await run('@mangled', '--json')).err).toBe('');
});

test('a replay that was mangled on its way, beside its bill: the note is about the replay', async () => {
  keep('mangled', text(1).replaceAll('\n', '\r\n'));
  const { code, err } = await run('@bill', '@mangled');
  expect({ code, err }).toEqual({
    code: 1,
    err: expect.stringContaining('waybill-verify: of the replay: the lines end with CR LF'),
  });
  expect((await run('@changed-bill', '@chain', '--key', PUBLIC_KEY)).err).toBe('');
});

test('acknowledgements of a file are said to be worth as much as it', async () => {
  const { out } = await run('@gapped', '--system', '@system');
  expect(out).toContain('known      acme: b1f0 3-4 never arrived (ops: a disk broke; entry 1 of _system)\n');
  expect(out).toContain('not checked: acknowledgements, against the messages of the AUDIT stream: 2\n');
  const changed = JSON.parse((await run('@gapped', '--system', '@system-changed', '--json')).out) as ChainReport;
  expect(changed).toMatchObject({
    verdict: 'tampered',
    problem: { detail: expect.stringMatching(/^the replay of _system, at 1: /) },
  });
  expect(changed.acknowledged).toBeUndefined();
});

test('a replay beside a bill that was mangled on its way: the bill is not blamed', async () => {
  keep('zeros', makeBill([]));
  for (const [args, code, said] of [
    ['@bill @crlf', 1, 'the lines end with CR LF'],
    ['@bill @chain-twice', 1, 'after entry 5 comes entry 1'],
    ['@zeros @utf16', 4, 'this is UTF-16'],
  ] as const) {
    const { err, ...ended } = await run(...args.split(' '));
    expect({ code: ended.code, err }, args).toEqual({
      code,
      err: expect.stringContaining(`waybill-verify: of the replay: ${said}`),
    });
  }
  expect(await run('@zeros', '@photo')).toMatchObject({ code: 4, err: '' });
});

test.each(['@chain', '@bill', '@receipt', '@one', '@empty'])(
  '%s: it says what was checked, and what was not',
  async (file) => {
    const report = JSON.parse((await run(file, '--json')).out) as object;
    expect(report).toMatchObject({ checked: expect.any(Array), not_checked: expect.any(Array) });
    const { out } = await run(file);
    expect(out).toMatch(/^checked: .*\n(.*\n)*not checked: .*$/m);
  },
);

test('help and version', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  expect(await run('--version')).toEqual({ code: 0, err: '', out: `waybill-verify ${version}\n` });
  for (const args of [['-h'], ['@chain', '--help']])
    expect(await run(...args)).toEqual({ code: 0, err: '', out: `${HELP}\n` });
});
