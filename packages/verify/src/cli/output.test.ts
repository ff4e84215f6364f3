import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { createOutput } from './output.ts';

const EVIL = 'id \u001b]0;owned\u0007 \u009b2J \u202etxt\r';

function prepare() {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const as = (stream: PassThrough) => Object.assign(stream, { isTTY: true }) as unknown as NodeJS.WriteStream;
  const output = createOutput(as(stdout), as(stderr));
  return { output, read: () => [stdout, stderr].map((stream) => String(stream.read() ?? '')) };
}

test('nothing that is written for people can do anything to a terminal', async () => {
  const { output, read } = prepare();
  await output.text([EVIL, 'second']);
  output.note(EVIL);
  const seen = String.raw`id \u{1b}]0;owned\u{7} \u{9b}2J \u{202e}txt\u{d}`;
  expect(read()).toEqual([`${seen}\nsecond\n`, `${seen}\n`]);
  output.progress(EVIL);
  expect(read()[1]).toBe(`\r\u001b[K${seen}`);
});

test('JSON has the escapes of JSON, and means the same', async () => {
  const { output, read } = prepare();
  await output.json({ [EVIL]: EVIL });
  const [text = ''] = read();
  expect(text).not.toMatch(/[^\P{Cc}\n]|\u202e/u);
  expect(JSON.parse(text)).toEqual({ [EVIL]: EVIL });
});

test('what is written for programs is what it is', async () => {
  const { output, read } = prepare();
  await output.lines([EVIL]);
  expect(read()[0]).toBe(`${EVIL}\n`);
});
