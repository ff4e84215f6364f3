/** Lines and events of a text that comes in pieces. What is not complete is left out: it comes again. */
import { ClientError } from '../error.ts';
import type { TimeLimit } from '../time-limit.ts';
import { orAborted } from '../time-limit.ts';

/** No bill is longer. What sends more is no reader, and would fill the memory. */
const MAX_LINE = 64 * 1024 * 1024;

/** Texts that end with a line feed, without it. */
export async function* completeLines(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  for await (const piece of pieces) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE)
      throw new ClientError('BAD_ANSWER', `a line of the answer has more than ${MAX_LINE} characters`);
    yield* lines;
  }
}

/** The data of server-sent events (WHATWG HTML §9.2.6), as far as a reader sends them: one line of data each. */
export async function* eventData(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let data: string | null = null;
  for await (const line of completeLines(pieces)) {
    if (line.startsWith('data: ')) data = line.slice('data: '.length);
    else if (line === '' && data !== null) {
      yield data;
      data = null;
    }
  }
}

/** The same pieces. The limit's time passes only while one is waited for: a slow caller is no silent reader. */
export async function* timedPieces(
  pieces: AsyncIterable<string>,
  limit: TimeLimit,
  idleMs: number,
): AsyncGenerator<string> {
  const iterator = pieces[Symbol.asyncIterator]();
  try {
    for (;;) {
      limit.start(idleMs);
      const next = await orAborted(iterator.next(), limit.signal);
      limit.pause();
      if (next.done) return;
      yield next.value;
    }
  } finally {
    limit.pause();
    // It may wait for its next piece, which never comes: nobody waits for that.
    iterator.return?.().catch(() => undefined);
  }
}
