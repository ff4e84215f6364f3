import { expect, test } from 'vitest';
import { isNewEnough, OLDEST_NATS_SERVER, parseVersion, versionOfBinary } from './version.ts';

test.each([
  ['nats-server: v2.15.1\n', [2, 15, 1]],
  ['2.15.1-1+b2', [2, 15, 1]],
  ['v3.0.0-RC.1', [3, 0, 0]],
])('the version in %j', (text, version) => {
  expect(parseVersion(text)).toEqual(version);
});

test.each([
  [OLDEST_NATS_SERVER, true],
  ['2.15.1', true],
  ['2.100.0', true],
  ['3.0.0', true],
  ['2.14.9', false],
  ['2.9.10', false],
  ['1.99.99', false],
  ['unknown', false],
])('%s new enough: %s', (text, enough) => {
  expect(isNewEnough(text)).toBe(enough);
});

test('a file that does not say its version is named together with what it said', async () => {
  await expect(versionOfBinary('/bin/echo')).rejects.toThrow('/bin/echo --version printed');
});
