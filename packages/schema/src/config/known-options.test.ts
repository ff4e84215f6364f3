import { expect, test } from 'vitest';
import { faultOfOptions } from './known-options.ts';

const KNOWN = { source: true, timeoutMs: true, toString: true } as const;

test.for([
  [{}, null],
  [{ source: undefined, toString: 1 }, null],
  [{ timeout: 1 }, 'timeout is no option: did you mean timeoutMs?'],
  [{ Source: undefined }, 'Source is no option: did you mean source?'],
  [{ spoolDir: '/var' }, 'spoolDir is no option: expected source, timeoutMs, toString'],
  [{ hasOwnProperty: 1 }, 'hasOwnProperty is no option: expected source, timeoutMs, toString'],
  [undefined, 'options are undefined: expected an object'],
  [null, 'options are null: expected an object'],
  ['x', 'options are x: expected an object'],
] as const)('%o: %s', ([given, fault]) => {
  expect(faultOfOptions(given, KNOWN)).toBe(fault);
});
