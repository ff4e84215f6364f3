/** Verifications as jobs: which ones run, which ones wait, and what became of those that have ended. */
import type { Output } from '@waybill/schema/api';
import { ConsumerError } from '../errors.ts';
import { problemOf } from './problem.ts';

export type Job = Output<'verifications.get'>;

export interface VerificationRun {
  readonly orgid: string;
  readonly onProgress: (progress: Job['progress']) => void;
  readonly signal: AbortSignal;
}

export interface VerificationJobs extends AsyncDisposable {
  /** The job of this organization that runs or waits, or a new one. @throws ConsumerError BUSY */
  start(orgid: string): Job;
  /** null: there is no such job, or it is forgotten. */
  get(id: string): Job | null;
  readonly running: number;
  /** Ends what runs. */
  close(): Promise<void>;
}

export interface VerificationJobsOptions {
  /** Verifies; ends soon after its signal. */
  readonly run: (run: VerificationRun) => Promise<unknown>;
  /** Called with the error of a job that failed. */
  readonly onFailure?: (error: unknown, orgid: string) => void;
  readonly limits?: Partial<VerificationLimits>;
}

interface VerificationLimits {
  readonly running: number;
  readonly waiting: number;
  /** Of those that have ended: the oldest are forgotten. */
  readonly kept: number;
  readonly keptMs: number;
}

const LIMITS: VerificationLimits = { running: 2, waiting: 16, kept: 64, keptMs: 3_600_000 };
const RETRY_MS = 10_000;

interface Kept {
  job: Job;
  endedAt: number;
}

export function createVerificationJobs(options: VerificationJobsOptions): VerificationJobs {
  const limits = { ...LIMITS, ...options.limits };
  const jobs = new Map<string, Kept>();
  const open = new Map<string, Kept>();
  const waiting: Kept[] = [];
  const stop = new AbortController();
  const runs = new Set<Promise<void>>();

  function forget(): void {
    const ended = [...jobs.values()].filter(({ job }) => job.state !== 'running');
    const tooMany = ended.length - limits.kept;
    const now = performance.now();
    // A Map lists jobs in the order of their start, which is about that of their ends.
    for (const [i, { job, endedAt }] of ended.entries())
      if (i < tooMany || now - endedAt > limits.keptMs) jobs.delete(job.id);
  }

  async function work(kept: Kept): Promise<void> {
    const { orgid } = kept.job;
    const end = (more: Partial<Job>): void => {
      kept.job = { ...kept.job, ...more, ended: new Date().toISOString() };
      kept.endedAt = performance.now();
    };
    const onProgress = (progress: Job['progress']): void => {
      if (kept.job.state === 'running') kept.job = { ...kept.job, progress };
    };
    try {
      const report = (await options.run({ orgid, onProgress, signal: stop.signal })) as Job['report'];
      end({ state: 'done', report });
    } catch (error) {
      end({ state: 'failed', problem: problemOf(error) });
      if (!stop.signal.aborted) options.onFailure?.(error, orgid);
    } finally {
      open.delete(orgid);
    }
  }

  function next(): void {
    while (!stop.signal.aborted && runs.size < limits.running) {
      const kept = waiting.shift();
      if (!kept) return;
      const run = work(kept).finally(() => {
        runs.delete(run);
        forget();
        next();
      });
      runs.add(run);
    }
  }

  const close = async (): Promise<void> => {
    stop.abort();
    await Promise.allSettled(runs);
  };

  return {
    start(orgid) {
      forget();
      const known = open.get(orgid);
      if (known) return known.job;
      if (stop.signal.aborted || waiting.length >= limits.waiting)
        throw new ConsumerError('BUSY', `${limits.waiting} verifications wait already: ask again later`, {
          retryAfterMs: RETRY_MS,
        });
      const kept: Kept = {
        job: {
          id: crypto.randomUUID(),
          orgid,
          state: 'running',
          started: new Date().toISOString(),
          progress: { phase: 'waiting', done: '0', total: '0' },
        },
        endedAt: 0,
      };
      jobs.set(kept.job.id, kept);
      open.set(orgid, kept);
      waiting.push(kept);
      next();
      return kept.job;
    },
    get(id) {
      forget();
      return jobs.get(id)?.job ?? null;
    },
    get running() {
      return runs.size;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
