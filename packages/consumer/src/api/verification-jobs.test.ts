import { expect, test } from 'vitest';
import { createVerificationJobs, type VerificationRun } from './verification-jobs.ts';

/** Jobs whose runs end when the test says so. */
function manualJobs(limits: NonNullable<Parameters<typeof createVerificationJobs>[0]['limits']> = {}) {
  const runs = new Map<string, VerificationRun & { end(report: object): void; fail(error: Error): void }>();
  const failures: unknown[] = [];
  const jobs = createVerificationJobs({
    limits,
    onFailure: (error) => failures.push(error),
    run: (run) =>
      new Promise((resolve, reject) => {
        runs.set(run.orgid, { ...run, end: resolve, fail: reject });
        run.signal.addEventListener('abort', () => reject(new Error('stopped')));
      }),
  });
  return { jobs, runs, failures };
}

/** Lets promises that are settled be handled. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('one runs for an organization: a second start is the same job, until it has ended', async () => {
  const { jobs, runs } = manualJobs();
  const first = jobs.start('acme');
  expect(jobs.start('acme').id).toBe(first.id);
  runs.get('acme')?.onProgress({ phase: 'ledger', done: '1', total: '2' });
  expect(jobs.start('acme').progress).toEqual({ phase: 'ledger', done: '1', total: '2' });
  expect(jobs.start('other').id).not.toBe(first.id);
  runs.get('acme')?.end({ verdict: 'ok' });
  await settled();
  expect(jobs.get(first.id)).toMatchObject({ state: 'done', report: { verdict: 'ok' } });
  expect(jobs.start('acme').id).not.toBe(first.id);
  await jobs.close();
});

test('so many run, so many wait, and more are refused', async () => {
  const { jobs, runs } = manualJobs({ running: 1, waiting: 1 });
  jobs.start('a');
  const waiting = jobs.start('b');
  expect([jobs.running, waiting.progress.phase, [...runs.keys()]]).toEqual([1, 'waiting', ['a']]);
  expect(() => jobs.start('c')).toThrow(expect.objectContaining({ code: 'BUSY' }) as Error);
  expect(jobs.start('b').id).toBe(waiting.id);
  runs.get('a')?.end({});
  await settled();
  expect([...runs.keys()]).toEqual(['a', 'b']);
  await jobs.close();
});

test('one that fails says why, and the next one runs', async () => {
  const { jobs, runs, failures } = manualJobs({ running: 1 });
  const [failed, next] = [jobs.start('a'), jobs.start('b')];
  runs.get('a')?.fail(new Error('inside'));
  await settled();
  expect(jobs.get(failed.id)).toMatchObject({ state: 'failed', problem: { code: 'INTERNAL' } });
  expect(failures).toEqual([new Error('inside')]);
  expect([...runs.keys(), jobs.get(next.id)?.state]).toEqual(['a', 'b', 'running']);
  await jobs.close();
});

test('those that have ended are kept for a time, and only so many', async () => {
  const { jobs, runs } = manualJobs({ kept: 2 });
  const ids: string[] = [];
  for (const orgid of ['a', 'b', 'c']) {
    ids.push(jobs.start(orgid).id);
    runs.get(orgid)?.end({});
    await settled();
  }
  expect(ids.map((id) => jobs.get(id)?.orgid ?? null)).toEqual([null, 'b', 'c']);
  const brief = manualJobs({ keptMs: -1 });
  const { id } = brief.jobs.start('a');
  brief.runs.get('a')?.end({});
  await settled();
  expect(brief.jobs.get(id)).toBeNull();
});

test('closing ends what runs, and nothing begins after that', async () => {
  const { jobs, runs, failures } = manualJobs({ running: 1 });
  const { id } = jobs.start('a');
  jobs.start('b');
  await jobs.close();
  expect([jobs.get(id)?.state, [...runs.keys()], failures]).toEqual(['failed', ['a'], []]);
  expect(() => jobs.start('c')).toThrow(expect.objectContaining({ code: 'BUSY' }) as Error);
});
