import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { makeDirectory } from './make-directory.ts';

function temporary(): string {
  const path = mkdtempSync(join(tmpdir(), 'waybill-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

test('makes what is missing, for us alone, and says which was the topmost', () => {
  const root = temporary();
  expect(makeDirectory(join(root, 'a', 'b', 'c'))).toBe(join(root, 'a'));
  expect(statSync(join(root, 'a', 'b')).mode & 0o777).toBe(0o700);
  expect(makeDirectory(join(root, 'a', 'b', 'c'))).toBeUndefined();
  expect(makeDirectory('/')).toBeUndefined();
  mkdirSync(join(root, 'there'));
  symlinkSync(join(root, 'there'), join(root, 'link'));
  expect(makeDirectory(join(root, 'link'))).toBeUndefined();
  expect(makeDirectory(join(root, 'link', 'd'))).toBe(join(root, 'link', 'd'));
});

test('a file in the way is an error', () => {
  const root = temporary();
  writeFileSync(join(root, 'file'), '');
  expect(() => makeDirectory(join(root, 'file'))).toThrow('EEXIST');
  expect(() => makeDirectory(join(root, 'file', 'a'))).toThrow('ENOTDIR');
});

test.skipIf(!existsSync('/proc/self'))('below /proc it fails, and does not hang', () => {
  expect(() => makeDirectory('/proc/spool/a')).toThrow('ENOENT');
});
