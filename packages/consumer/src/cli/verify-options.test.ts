import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { parseCommandLine } from './command.ts';
import { runWaybill } from './main.ts';
import { createOutput } from './output.ts';
import { verifyCommand } from './verify.ts';

test.each([
  [['--file', 'a'], ['a']],
  [
    ['--file', 'a', 'b', '--json', '--file=c', '-', 'd'],
    ['a', 'b', 'c', '-', 'd'],
  ],
  [
    ['--org', 'x', '--file', 'a', '--file', 'b'],
    ['a', 'b'],
  ],
])('%j', (args, files) => {
  expect(parseCommandLine(verifyCommand, args).all('file')).toEqual(files);
});

test.each([[['a']], [['--file', 'a', '--json', 'b']], [['--org', 'x', 'y']], [['--file']]])(
  '%j is a wrong command line',
  (args) => {
    expect(() => parseCommandLine(verifyCommand, args)).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }));
  },
);

test.each([
  ['gzip', '1f8b0800', 'zcat'],
  ['zstd', '28b52ffd', 'zstdcat'],
  ['xz', 'fd377a585a00', 'xzcat'],
  ['bzip2', '425a6839', 'bzcat'],
])('a file that is compressed by %s is no chain that was tampered with', async (format, magic, program) => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'waybill-read-'));
  const file = join(folder.path, 'chain.1');
  writeFileSync(file, Buffer.from(`${magic}0a0a`, 'hex'));
  for (const option of ['--file', '--bill']) {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const output = createOutput(stdout as never, stderr as never);
    expect(await runWaybill(['verify', option, file], { env: {}, output })).toBe(66);
    const refused = `could not read ${file}: it is compressed by ${format}; use ${option} <(${program} ${file})`;
    expect(String(stderr.read())).toBe(`waybill: ${refused}\n`);
  }
});
