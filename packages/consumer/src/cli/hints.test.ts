/** What the command says to whoever made a mistake. */
import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { appendEntry, emptyHead, NO_VOLUME, sha256Hex } from '@waybill/schema/internal';
import { expect, test } from 'vitest';
import { runWaybill } from './main.ts';
import { createOutput } from './output.ts';

async function run(args: readonly string[], env: Record<string, string> = {}) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await runWaybill(args, { env, output: createOutput(stdout as never, stderr as never) });
  return { code, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') };
}

test.each([
  [
    'the newer part alone',
    ['new'],
    1,
    'waybill: this begins with entry 3: give the older parts of the chain as well, or --from-seq 3',
  ],
  ['that, from where it begins', ['new', '--from-seq', '3'], 0, ''],
  ['from where it does not begin', ['all', '--from-seq', '2'], 1, 'waybill: this begins with entry 1: --from-seq says'],
  ['another organization', ['all', '--org', 'acme'], 1, 'waybill: this is a chain of myorg, and --org is acme\n'],
  ['all of it', ['all', '--org', 'myorg'], 0, ''],
  ['a part that is lacking', ['bad'], 1, 'waybill: after entry 1 comes entry 3: entry 2 is not in the file'],
])('verify --file, %s', async (_, args, code, note) => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'waybill-hints-'));
  const lines = chain();
  writeFileSync(join(folder.path, 'all'), lines.join(''));
  writeFileSync(join(folder.path, 'new'), lines.slice(2).join(''));
  writeFileSync(join(folder.path, 'bad'), [lines[0], lines[2]].join(''));
  const [file = '', ...rest] = args;
  const found = await run(['verify', '--file', join(folder.path, file), ...rest]);
  expect(found.code).toBe(code);
  expect(found.err.slice(0, note.length || undefined)).toBe(note);
  expect(found.out).toMatch(new RegExp(`verdict: ${code === 0 ? 'ok' : 'tampered'}\n$`));
});

const LINES = chain();
const ALL = LINES.join('');
const other = chain('bolt').join('');

test.each<[string, string | Uint8Array, string]>([
  [
    'CR LF',
    ALL.replaceAll('\n', '\r\n'),
    "the lines end with CR LF, as on Windows: remove the CR (tr -d '\\r' < FILE)",
  ],
  ['a byte order mark', `\uFEFF${ALL}`, 'this begins with a byte order mark'],
  ['UTF-16', Buffer.from(`\uFEFF${ALL}`, 'utf16le'), 'this is UTF-16'],
  ['other escapes', ALL.replaceAll('é', '\\u00e9'), 'the values are unchanged, and another program'],
  ['blanks', LINES.map((line) => `${line.trim().replaceAll('":', '": ')}\n`).join(''), 'the values are unchanged'],
  [
    'several lines a value',
    JSON.stringify(JSON.parse(LINES[0] as string), null, 2),
    'this is JSON that another program has laid',
  ],
  ['an array', `[${LINES.join(',')}]`, 'this is JSON that another program has laid'],
  [
    'an unfinished last line',
    ALL.slice(0, -40),
    'the last line is unfinished: the copy ended early, and entries up to 3 are',
  ],
  [
    'an unfinished only line',
    ALL.slice(0, 60),
    'the last line is unfinished: the copy ended early, and nothing is before',
  ],
  [
    'a slice from the middle of an entry',
    ALL.slice(100),
    'this begins in the middle of an entry, and entry 2 comes next',
  ],
  ['a slice that begins with an entry', LINES.slice(1).join(''), 'this begins with entry 2: give the older parts'],
  ['the same file twice', ALL + ALL, 'after entry 4 comes entry 1: files were joined that have the same entries'],
  ['two chains', ALL + other, 'after entry 4 of myorg comes one of bolt: files of two chains were joined'],
  ['two files without a line feed', ALL.trimEnd() + other, 'two files were joined without a line feed'],
  ['two files with an empty line', `${ALL}\n${other}`, 'there is an empty line after entry 4'],
  [
    'a part that is lacking',
    [LINES[0], LINES[3]].join(''),
    'after entry 1 comes entry 4: entries 2 to 3 are not in the file',
  ],
])('a file that was mangled on its way: %s', async (_, content, said) => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'waybill-hints-'));
  const path = join(folder.path, 'file');
  writeFileSync(path, content);
  const { err, out } = await run(['verify', '--file', path]);
  expect(err).toMatch(/^waybill: .*\n$/);
  expect(err).toContain(`waybill: ${said}`);
  expect(out).not.toContain('verdict: ok');
});

test('a file in which a value was changed has no hint, nor has one that is no ledger', async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'waybill-hints-'));
  const path = join(folder.path, 'file');
  for (const content of [
    ALL.replace('"note":"é"', '"note":"e"'),
    ALL.replace('"seq":2', '"seq": 3'),
    'hello\n',
    '\u0000',
  ]) {
    writeFileSync(path, content);
    expect((await run(['verify', '--file', path])).err).toBe('');
  }
});

test('the bad line of a file of many chunks', async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'waybill-hints-'));
  const path = join(folder.path, 'file');
  const long = chain('myorg', 3_000);
  expect(long.join('').length).toBeGreaterThan(1 << 20);
  writeFileSync(path, long.toSpliced(2_500, 1).join(''));
  expect((await run(['verify', '--file', path])).err).toContain('after entry 2500 comes entry 2502: entry 2501 is not');
});

/** Entries of an organization. */
function chain(orgid = 'myorg', count = 4): string[] {
  let head = emptyHead(orgid);
  return Array.from({ length: count }, (_, i) => i + 1).map((seq) => {
    const event = `{"note":"é","orgid":"${orgid}","seq":${seq}}`;
    const made = appendEntry(
      head,
      {
        received: '2026-07-01T00:00:00.000Z',
        source: { stream: 'FILE', seq, subject: 'x' },
        origin: null,
        event,
        volume: NO_VOLUME,
      },
      sha256Hex,
    );
    head = made.head;
    return `${made.line}\n`;
  });
}

test.each([
  [['usage', '--all', '--csv'], '--csv: did you mean --format csv?'],
  [['usage', '--all', '--must-exist'], '--must-exist needs --org'],
  [['head', '--all', '--must-exist'], '--must-exist needs --org'],
  [['usage', '--orgg', 'x'], 'there is no option --orgg: did you mean --org?'],
])('%s', async (args, said) => {
  expect(await run(args)).toMatchObject({ code: 64, err: expect.stringContaining(said) });
});

const NPM = { npm_lifecycle_event: 'waybill' };

test.each([
  ['deploy --check', ['deploy'], { npm_config_check: 'true' }, '--check'],
  ['usage --org x', ['usage', 'x'], { npm_config_org: 'true' }, '--org'],
  [
    'verify --from-seq=2 --file a',
    ['verify', 'a'],
    { npm_config_from_seq: '2', npm_config_file: 'true' },
    '--file, --from-seq',
  ],
  ['usage --all', ['usage'], { npm_config_all: 'true' }, '--all'],
])('npm run waybill %s, without --', async (_, args, taken, names) => {
  const hint = `npm has taken ${names} for itself: write npm run waybill -- ${args[0]} …`;
  expect(await run(args, { ...NPM, ...taken })).toMatchObject({ code: 64, err: expect.stringContaining(hint) });
});

test('what a .npmrc may set is no mistake', async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'waybill-hints-'));
  const path = join(folder.path, 'all');
  writeFileSync(path, chain().join(''));
  const env = { ...NPM, npm_config_json: 'true', npm_config_all: 'true' };
  expect(await run(['verify', '--file', path], env)).toMatchObject({ code: 0, err: '' });
});

test('a variable that is for clients is no variable of the command, and the note says which one is', async () => {
  const { code, err } = await run(['head', '--all'], {
    WAYBILL_NATS_URL: 'nats://127.0.0.1:1',
    WAYBILL_URL: 'https://waybill.example',
  });
  expect(code).toBe(69);
  expect(err).toContain('waybill: ignoring WAYBILL_URL, which is for programs that ask a reader; for the NATS server');
  expect(err).toContain('it is WAYBILL_NATS_URL\n');
});
