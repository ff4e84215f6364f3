import { expect, test } from 'vitest';
import { createAdoption } from './adoption.ts';

test('very many segments, none of which can be read', () => {
  const segments = 150_000;
  let failures = 0;
  const adoption = createAdoption({
    maxInMemory: 1,
    parked: () => 0,
    setAside: () => {},
    failed: () => void failures++,
  });
  adoption.add(Array.from({ length: segments }, (_, i) => `/does/not/exist/${i}`));
  expect(adoption.stats().segments).toBe(segments);
  expect(adoption.next()).toEqual([]);
  expect(failures).toBe(segments);
  expect(adoption.waiting).toBe(false);
});
