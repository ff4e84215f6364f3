import { ConsumerError } from '../errors.ts';

/**
 * Work with a limit of time, and with a slot that is given back only when the work has really ended: work that nobody
 * waits for any more still costs something.
 *
 * @throws ConsumerError TIMED_OUT
 */
export async function withinTime<T>(ms: number, release: () => void, work: Promise<T>): Promise<T> {
  work.then(release, release);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ConsumerError('TIMED_OUT', `there was no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
