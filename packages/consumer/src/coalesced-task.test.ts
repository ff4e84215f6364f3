import { setImmediate as tick } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createCoalescedTask } from './coalesced-task.ts';

test('requests during a run add up to one more run', async () => {
  const ends: (() => void)[] = [];
  const task = createCoalescedTask(
    () => new Promise((resolve) => ends.push(resolve)),
    (error) => expect.unreachable(String(error)),
  );
  task.request();
  task.request();
  task.request();
  expect(ends).toHaveLength(1);
  ends[0]?.();
  await tick();
  expect(ends).toHaveLength(2);
  ends[1]?.();
  await tick();
  expect(ends).toHaveLength(2);
});

test('a failed run is reported, and the next request runs again', async () => {
  const failures: unknown[] = [];
  let runs = 0;
  const task = createCoalescedTask(
    () => (++runs === 1 ? Promise.reject(new Error('no answer')) : Promise.resolve()),
    (error) => failures.push(error),
  );
  task.request();
  await tick();
  task.request();
  await tick();
  expect(failures).toEqual([new Error('no answer')]);
  expect(runs).toBe(2);
});

test('no run starts after the task is closed', async () => {
  let runs = 0;
  const task = createCoalescedTask(
    async () => void runs++,
    () => undefined,
  );
  task.request();
  task.request();
  task.close();
  task.request();
  await tick();
  expect(runs).toBe(1);
});
