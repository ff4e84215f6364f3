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

/** All jobs that are known: those that are open, and those that have ended and are not forgotten yet. */
function createShelf({ kept, keptMs }: Pick<VerificationLimits, 'kept' | 'keptMs'>) {
  const jobs = new Map<string, Kept>();
  const open = new Map<string, Kept>();

  function forget(): void {
    const ended = [...jobs.values()].filter(({ job }) => job.state !== 'running');
    const tooMany = ended.length - kept;
    const now = performance.now();
    // A Map lists jobs in the order of their start, which is about that of their ends.
    for (const [i, { job, endedAt }] of ended.entries()) if (i < tooMany || now - endedAt > keptMs) jobs.delete(job.id);
  }

  return {
    get(id: string): Kept | undefined {
      forget();
      return jobs.get(id);
    },
    openOf: (orgid: string): Kept | undefined => open.get(orgid),
    add(orgid: string): Kept {
      const job: Job = {
        id: crypto.randomUUID(),
        orgid,
        state: 'running',
        started: new Date().toISOString(),
        progress: { phase: 'waiting', done: '0', total: '0' },
      };
      const added: Kept = { job, endedAt: 0 };
      jobs.set(job.id, added);
      open.set(orgid, added);
      return added;
    },
    end(one: Kept, how: Partial<Job>): void {
      one.job = { ...one.job, ...how, ended: new Date().toISOString() };
      one.endedAt = performance.now();
      open.delete(one.job.orgid);
      forget();
    },
  };
}

export function createVerificationJobs(options: VerificationJobsOptions): VerificationJobs {
  const limits = { ...LIMITS, ...options.limits };
  const shelf = createShelf(limits);
  const waiting: Kept[] = [];
  const stop = new AbortController();
  const runs = new Set<Promise<void>>();

  async function work(kept: Kept): Promise<void> {
    const { orgid } = kept.job;
    const onProgress = (progress: Job['progress']): void => {
      if (kept.job.state === 'running') kept.job = { ...kept.job, progress };
    };
    try {
      const report = (await options.run({ orgid, onProgress, signal: stop.signal })) as Job['report'];
      shelf.end(kept, { state: 'done', report });
    } catch (error) {
      shelf.end(kept, { state: 'failed', problem: problemOf(error) });
      if (!stop.signal.aborted) options.onFailure?.(error, orgid);
    }
  }

  function next(): void {
    while (!stop.signal.aborted && runs.size < limits.running) {
      const kept = waiting.shift();
      if (!kept) return;
      const run = work(kept).finally(() => {
        runs.delete(run);
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
      const known = shelf.openOf(orgid);
      if (known) return known.job;
      if (stop.signal.aborted || waiting.length >= limits.waiting)
        throw new ConsumerError('BUSY', `${limits.waiting} verifications wait already: ask again later`, {
          retryAfterMs: RETRY_MS,
        });
      const kept = shelf.add(orgid);
      waiting.push(kept);
      next();
      return kept.job;
    },
    get: (id) => shelf.get(id)?.job ?? null,
    get running() {
      return runs.size;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
