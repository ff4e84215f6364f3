import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readFiles } from './read-files.ts';

const line = (seq: number) => `{"core":{"seq":${seq}}}`;

/** What a verifier gets of files with these contents, in this order. */
async function read(...contents: readonly string[]): Promise<string> {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'waybill-read-'));
  const names = contents.map((_, i) => join(folder.path, `${i}`));
  for (const [i, name] of names.entries()) writeFileSync(name, contents[i] as string);
  const { total, chunks } = await readFiles(names);
  expect(total).toBe(contents.join('').length);
  let text = '';
  for await (const chunk of chunks) text += Buffer.from(chunk).toString();
  return text;
}

test.each([
  ['in order', [`${line(1)}\n${line(2)}\n`, `${line(3)}\n`]],
  ['the new one first, as a shell sorts them', [`${line(3)}\n`, `${line(1)}\n${line(2)}\n`]],
  ['the old one without its last line feed', [`${line(1)}\n${line(2)}`, `${line(3)}\n`]],
  ['the old one with empty lines at its end', [`${line(1)}\n${line(2)}\n\n\n`, `${line(3)}\n`]],
  ['three, and one that is empty yet', [`${line(3)}\n`, '', `${line(2)}\n`, `${line(1)}\n`]],
])('files are one chain: %s', async (_, contents) => {
  expect(await read(...contents)).toBe([1, 2, 3].map((seq) => `${line(seq)}\n`).join(''));
});

test('nothing is mended within a file, nor at the end', async () => {
  const text = `${line(1)}\n\n${line(2)}\n`;
  expect(await read(text, `${line(3)}\n\n`)).toBe(`${text}${line(3)}\n\n`);
  expect(await read(`${line(2)}\n`, 'no entry\n', `${line(1)}\n`)).toBe(`${line(2)}\nno entry\n${line(1)}\n`);
  expect(await read(line(1))).toBe(line(1));
});

test('a file that is missing is named', async () => {
  await expect(readFiles(['/no/such/file'])).rejects.toMatchObject({
    code: 'CANNOT_READ',
    message: expect.stringContaining('/no/such/file'),
  });
});

test.each([
  ['gzip', '1f8b0800', 'zcat'],
  ['zstd', '28b52ffd', 'zstdcat'],
  ['xz', 'fd377a585a00', 'xzcat'],
  ['bzip2', '425a6839', 'bzcat'],
  ['zip', '504b0304', 'unzip -p'],
])('a part that is compressed by %s is no chain that was tampered with', async (format, magic, program) => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'waybill-read-'));
  const [old, newer] = [join(folder.path, 'chain.1'), join(folder.path, 'chain')] as const;
  writeFileSync(old, Buffer.from(`${magic}0a0a`, 'hex'));
  writeFileSync(newer, `${line(1)}\n`);
  const refused = {
    code: 'CANNOT_READ',
    message: `could not read ${old}: it is compressed by ${format}; use <(${program} ${old})`,
  };
  await expect(readFiles([newer, old])).rejects.toMatchObject(refused);
  const { chunks } = await readFiles([old]);
  await expect(chunks[Symbol.asyncIterator]().next()).rejects.toMatchObject(refused);
});
