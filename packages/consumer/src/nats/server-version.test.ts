import { expect, test } from 'vitest';
import { isOlder } from './server-version.ts';

test.each([
  ['2.9.25', '2.10.0', true],
  ['2.10.0', '2.10.0', false],
  ['2.10.27', '2.10.0', false],
  ['2.100.0', '2.15.0', false],
  ['2.15.0-dev', '2.15.0', false],
  ['v3.0.0-RC.1', '2.15.1', false],
  ['unknown', '2.10.0', true],
])('%s is older than %s: %s', (version, than, older) => {
  expect(isOlder(version, than)).toBe(older);
});
