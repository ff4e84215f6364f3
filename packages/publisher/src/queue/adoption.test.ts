import { expect, test } from 'vitest';
import { AccountBook } from './accounts.ts';
import { Adoption } from './adoption.ts';

test('very many segments, none of which can be read', () => {
  const segments = 150_000;
  let failures = 0;
  const adoption = new Adoption({
    spool: { adopt: () => Array.from({ length: segments }, (_, i) => `/does/not/exist/${i}`), quarantine: () => {} },
    book: new AccountBook(),
    reporter: { putAside: () => {}, spoolFailed: () => void failures++ },
    maxInMemory: 1,
    parked: () => 0,
  });
  expect(adoption.look()).toBe(true);
  expect(adoption.stats().segments).toBe(segments);
  expect(adoption.next()).toEqual([]);
  expect(failures).toBe(segments);
  expect(adoption.isWaiting).toBe(false);
});
