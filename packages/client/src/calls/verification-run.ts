/** A verification from its start to its report. */
import type { Output } from '@waybill/schema/api';
import { ClientError, errorOfProblem } from '../error.ts';
import type { CallOptions } from '../options.ts';
import { ask } from './ask.ts';
import { pause } from './backoff.ts';
import type { Context } from './context.ts';

type Verification = Output<'verifications.get'>;

export interface RunOptions extends CallOptions {
  /** Called when something has changed, the first time at the start. */
  readonly onProgress?: ((progress: Verification['progress']) => void) | undefined;
  /** Milliseconds between two looks. Default: 500. */
  readonly pollMs?: number | undefined;
}

/** A reader that was restarted has forgotten its verifications; of several readers, another one may have answered. */
const STARTS = 3;

/**
 * Starts a verification, or joins the one that runs, and waits for its end. Time limits are those of each question: how
 * long a chain takes, nobody knows.
 *
 * @returns with the report, whatever its verdict is
 * @throws ClientError the reader's, when the verification failed
 */
export async function runVerification(
  context: Context,
  orgid: string,
  { onProgress, pollMs = 500, ...options }: RunOptions,
): Promise<Verification & { readonly report: NonNullable<Verification['report']> }> {
  let seen = '';
  const note = ({ progress }: Verification): void => {
    const now = JSON.stringify(progress);
    if (now !== seen) onProgress?.(progress);
    seen = now;
  };
  for (let starts = 1; ; starts++) {
    let job: Verification = await ask(context, { operation: 'verifications.start', input: { orgid } }, options);
    note(job);
    try {
      while (job.state === 'running') {
        await pause(pollMs, options.signal);
        job = await ask(context, { operation: 'verifications.get', input: { orgid, id: job.id } }, options);
        note(job);
      }
    } catch (error) {
      if (error instanceof ClientError && error.code === 'NOT_FOUND' && starts < STARTS) continue;
      throw error;
    }
    const { report, problem } = job;
    if (report) return { ...job, report };
    throw errorOfProblem(problem) ?? new ClientError('BAD_ANSWER', `the verification of ${orgid} has no report`);
  }
}
