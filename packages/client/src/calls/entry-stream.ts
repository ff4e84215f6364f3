/** Entries of a chain as one sequence: each one once, in order, whatever breaks on the way. */
import type { Output } from '@waybill/schema/api';
import { ClientError } from '../error.ts';
import type { CallOptions, FollowOptions, PageOptions } from '../options.ts';
import { createTimeLimit } from '../time-limit.ts';
import type { OpenReply, Question } from '../transport.ts';
import { parseJson } from './ask.ts';
import { createBackoff, pause } from './backoff.ts';
import { attemptMs, type Call, callOf, type Context } from './context.ts';
import { pagesOf } from './pages.ts';
import { completeLines, eventData, timedPieces } from './text-lines.ts';

type Entry = Output<'entries.get'>;
type Texts = Readonly<Record<string, string>>;

const OPERATION = 'entries.list';
/** About two minutes: whoever follows outlives a reader that is restarted. */
const FOLLOW_RETRIES = 30;

/** Up to the head of the first answer. What is chained meanwhile is not in it. */
export function listEntries(context: Context, input: Texts, options: PageOptions): AsyncGenerator<Entry> {
  return context.transport.open && input['order'] !== 'desc'
    ? readStream(callOf(context, OPERATION, options), { input, form: 'application/x-ndjson' })
    : readPages(context, input, options);
}

/** Also what is chained from then on, for as long as the caller reads. */
export function followEntries(context: Context, input: Texts, given: FollowOptions): AsyncGenerator<Entry> {
  const options = { ...given, retries: given.retries ?? context.patience.retries ?? FOLLOW_RETRIES };
  const call = callOf(context, OPERATION, options);
  return context.transport.open
    ? readStream(call, { input, form: 'text/event-stream' })
    : pollPages(context, input, options);
}

/** Opens the sequence again after the last entry that arrived, until it has ended. */
async function* readStream(
  call: Call,
  { input, form }: { input: Texts; form: Exclude<Question['form'], 'application/json'> },
): AsyncGenerator<Entry> {
  const { transport, patience, signal } = call;
  const backoff = createBackoff(call);
  let after = Number(input['after'] ?? 0);
  // The last entry is that of the first answer. What is chained during a break does not make the sequence longer.
  let last = form === 'text/event-stream' ? Infinity : null;
  while (last === null || after < last) {
    const limit = createTimeLimit(`more of ${OPERATION}`, signal);
    limit.start(attemptMs(call, input));
    try {
      const question = { operation: OPERATION, form, signal: limit.signal } as const;
      const reply = await transport.open?.({ ...question, input: { ...input, after: String(after) } });
      if (!reply) return;
      last ??= lastOf(reply);
      if (after >= last) return;
      const pieces = timedPieces(reply.pieces, limit, patience.idleTimeoutMs);
      for await (const text of form === 'text/event-stream' ? eventData(pieces) : completeLines(pieces)) {
        const entry = checkEntry(parseJson(text, OPERATION), after + 1);
        after++;
        backoff.reset();
        yield entry;
        if (after === last) return;
      }
      throw new ClientError('TRUNCATED', `the entries of ${input['orgid']} broke off after ${after}`);
    } catch (error) {
      await backoff.wait(error, signal);
    } finally {
      limit.end();
    }
  }
}

function lastOf(reply: OpenReply): number {
  const last = Number(reply.header('Waybill-Last') ?? NaN);
  if (Number.isSafeInteger(last)) return last;
  throw new ClientError('BAD_ANSWER', 'the answer does not say in Waybill-Last which entry is its last');
}

async function* readPages(context: Context, input: Texts, options: PageOptions): AsyncGenerator<Entry> {
  const isAscending = input['order'] !== 'desc';
  let last = Infinity;
  const rest = ({ entries, next, head }: Output<'entries.list'>): Texts | null => {
    if (last === Infinity) last = Number(head.seq);
    const isOver = isAscending ? Number(next) >= last : Number(next) <= 1;
    return isOver || entries.length === 0 ? null : { after: next };
  };
  let expected = isAscending ? Number(input['after'] ?? 0) + 1 : null;
  for await (const page of pagesOf(context, { operation: OPERATION, input, rest }, options)) {
    const { entries, head } = page as Partial<typeof page>;
    if (!Array.isArray(entries) || !Number.isSafeInteger(Number(head?.seq ?? NaN)))
      throw new ClientError('BAD_ANSWER', 'the answer is no page of entries');
    if (last === Infinity) last = Number(head?.seq);
    expected ??= Math.min(Number(input['after'] ?? Infinity) - 1, last);
    for (const entry of entries) {
      if (isAscending && expected > last) return;
      yield checkEntry(entry, expected);
      expected += isAscending ? 1 : -1;
    }
  }
}

async function* pollPages(context: Context, input: Texts, options: FollowOptions): AsyncGenerator<Entry> {
  const { pollMs = 1_000, ...rest }: FollowOptions & CallOptions = options;
  let after = input['after'] ?? '0';
  for (;;) {
    for await (const entry of readPages(context, { ...input, after }, rest)) {
      after = String(entry.core.seq);
      yield entry;
    }
    await pause(pollMs, options.signal);
  }
}

/** @throws ClientError BAD_ANSWER unless this is the entry that comes next */
function checkEntry(value: unknown, seq: number): Entry {
  const entry = value as Entry;
  if ((entry as Partial<Entry> | null)?.core?.seq === seq) return entry;
  throw new ClientError('BAD_ANSWER', `entry ${seq} was expected, and another one came`);
}
