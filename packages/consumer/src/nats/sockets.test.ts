import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const codeOf = (path: string): string =>
  readFileSync(new URL(path, import.meta.url), 'utf8')
    .replaceAll(/\/\*\*.*?\*\//gs, '')
    .replaceAll(/^ *\/\/.*$/gm, '')
    .replaceAll(/\s+/g, ' ');

test('the publisher and the consumer have the same code for sockets that a client forgets', () => {
  expect(codeOf('./sockets.ts')).toBe(codeOf('../../../publisher/src/connection/sockets.ts'));
});
