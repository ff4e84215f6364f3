import { expect, test } from 'vitest';
import { createUuidV7 } from './uuid.ts';

const V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test('ids have the form of RFC 9562 and carry the time', () => {
  const newId = createUuidV7();
  const id = newId(0x0197_c0de_1234);
  expect(id).toMatch(V7);
  expect(id.startsWith('0197c0de-1234-7')).toBe(true);
});

test('100,000 ids in one millisecond, with a clock that goes backwards, are distinct and increasing', () => {
  const newId = createUuidV7();
  const ids = Array.from({ length: 100_000 }, (_, i) => newId(1_700_000_000_000 - (i % 3)));
  expect(ids.filter((id, i) => !V7.test(id) || (i > 0 && id <= (ids[i - 1] as string)))).toEqual([]);
});

test('two generators never make the same id', () => {
  const ids = new Set<string>();
  for (const newId of [createUuidV7(), createUuidV7()]) for (let i = 0; i < 10_000; i++) ids.add(newId(1));
  expect(ids.size).toBe(20_000);
});
