import { expect, test } from 'vitest';
import { checkEngineUrl } from './engine-url.ts';

test.each([
  ['https://api.example', 'https://api.example'],
  ['https://api.example/lago/', 'https://api.example/lago'],
  ['http://localhost:8888', 'http://localhost:8888'],
  ['http://127.0.0.1:1/', 'http://127.0.0.1:1'],
  ['http://[::1]:1', 'http://[::1]:1'],
])('%s', (text, base) => {
  expect(checkEngineUrl('url', text)).toBe(base);
});

test.each([
  ['http://api.example', 'is not https'],
  ['http://localhost.example', 'is not https'],
  ['http://127.0.0.1.example', 'is not https'],
  ['ftp://api.example', 'expected https://host'],
  ['api.example', 'expected https://host'],
  ['https://api.example?key=1', 'query'],
  ['https://sk_live_secret@api.example', 'no user'],
  ['https://me:sk_live_secret@api.example', 'no user'],
])('%s is refused', (text, says) => {
  expect(() => checkEngineUrl('url', text)).toThrow(says);
  expect(() => checkEngineUrl('url', text)).not.toThrow(/sk_live/);
});
