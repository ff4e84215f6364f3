/** Bills of all organizations as one sequence that is known to be whole. */
import type { Output } from '@waybill/schema/api';
import { ClientError, errorOfProblem } from '../error.ts';
import type { CallOptions } from '../options.ts';
import { createTimeLimit, orAborted, type TimeLimit } from '../time-limit.ts';
import type { Question } from '../transport.ts';
import { parseJson } from './ask.ts';
import { createBackoff } from './backoff.ts';
import { attemptMs, type Call, callOf, type Context } from './context.ts';
import { completeLines, timedPieces } from './text-lines.ts';

type Bill = Output<'bills.get'>;
type ClosingLine = Exclude<Output<'bills.all'>, Bill>;
type Texts = Readonly<Record<string, string>>;

const OPERATION = 'bills.all';

/**
 * By name, each organization once. An answer without its closing line was cut off, and is asked for again after the last
 * bill that arrived.
 *
 * @throws ClientError TRUNCATED when that does not help; the reader's own when it failed in the middle
 */
export async function* allBills(context: Context, input: Texts, options: CallOptions): AsyncGenerator<Bill> {
  const call = callOf(context, OPERATION, options);
  const backoff = createBackoff(call);
  let after = input['after'];
  for (;;) {
    const limit = createTimeLimit(`more of ${OPERATION}`, call.signal);
    limit.start(attemptMs(call, input));
    try {
      const part = await openPart(call, limit, { ...input, ...(after !== undefined && { after }) });
      let count = 0;
      for await (const line of part.lines) {
        const value = parseJson(line, OPERATION) as Bill | ClosingLine;
        if ('end' in value) return checkEnd(value, count);
        const orgid = (value as Partial<Bill>).statement?.orgid;
        if (typeof orgid !== 'string') throw new ClientError('BAD_ANSWER', 'a line is no bill, and no closing line');
        if (after !== undefined && orgid <= after)
          throw new ClientError('BAD_ANSWER', `the bill of ${orgid} came after that of ${after}`);
        after = orgid;
        count++;
        backoff.reset();
        yield value;
      }
      // Over NATS: a page, and more to come.
      if (count > 0 && part.next() === after) continue;
      const where = after === undefined ? 'before the first one' : `after that of ${after}`;
      throw new ClientError('TRUNCATED', `the bills broke off ${where}: there is no closing line`);
    } catch (error) {
      await backoff.wait(error, call.signal);
    } finally {
      limit.end();
    }
  }
}

interface Part {
  readonly lines: AsyncIterable<string>;
  /** The organization after which it goes on, when the reader has said that this is a page. */
  next(): string | null;
}

async function openPart({ transport, patience }: Call, limit: TimeLimit, input: Texts): Promise<Part> {
  const question: Question = { operation: OPERATION, input, form: 'application/x-ndjson', signal: limit.signal };
  if (transport.open) {
    const { pieces } = await transport.open(question);
    return { lines: completeLines(timedPieces(pieces, limit, patience.idleTimeoutMs)), next: () => null };
  }
  const { text, header } = await orAborted(transport.ask(question), limit.signal);
  limit.pause();
  const whole = (async function* one() {
    yield text;
  })();
  return { lines: completeLines(whole), next: () => header('Waybill-Next') };
}

/** @throws ClientError */
function checkEnd(line: ClosingLine, count: number): void {
  if (!line.end) throw errorOfProblem(line.problem) ?? new ClientError('BAD_ANSWER', 'the bills ended for no reason');
  if (line.count !== String(count))
    throw new ClientError('BAD_ANSWER', `${count} bills came, and the closing line says ${line.count}`);
}
