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
  ['one that was tampered with later', ['bad'], 1, ''],
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

/** Four entries of an organization. */
function chain(): string[] {
  let head = emptyHead('myorg');
  return [1, 2, 3, 4].map((seq) => {
    const event = `{"orgid":"myorg","seq":${seq}}`;
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
