/** `entries.list` and `entries.get`: entries byte for byte as they are stored. */
import type { Input } from '@waybill/schema/api';
import { auditRead } from '@waybill/schema/internal';
import { ConsumerError } from '../errors.ts';
import { replay } from '../export/replay.ts';
import { type ChainHead, readHead } from '../ledger/chain-head.ts';
import { DEFAULT_LIMIT } from './organization-answers.ts';
import type { Answer, Asked, Reader, ReadNote, StreamItem, WholeAnswer } from './reader.ts';
import { noOrganization } from './sight.ts';
import { streamAnswer } from './stream-answer.ts';
import { withinTime } from './within-time.ts';

type ListInput = Input<'entries.list'>;

export async function listEntries(asked: Asked<ListInput>): Promise<Answer> {
  const { reader, input, form } = asked;
  const { limits, slots } = reader;
  if (form === 'application/json') return withinTime(limits.queryMs, slots.take('query'), pageOf(asked));
  const unfit = (['order', ...(form === 'text/event-stream' ? (['limit'] as const) : [])] as const).find(
    (name) => input[name] !== undefined && input[name] !== 'asc',
  );
  if (unfit !== undefined)
    throw new ConsumerError('BAD_ARGUMENT', `${unfit} is ${JSON.stringify(input[unfit])}: not as ${form}`);
  const head = await withinTime(limits.queryMs, slots.take('query'), headOf(reader, input.orgid));
  return form === 'text/event-stream' ? follow(asked) : upToHead(asked, head);
}

/** @throws ConsumerError NOT_FOUND */
async function headOf({ nc, settings }: Reader, orgid: string): Promise<ChainHead> {
  const head = await readHead(nc, settings, orgid);
  if (head === null) throw noOrganization(orgid);
  return head;
}

/** What is chained from now on, too. */
function follow(asked: Asked<ListInput>): Answer {
  const { nc, settings } = asked.reader;
  const { orgid, after = '0' } = asked.input;
  return streamAnswer(asked, {
    slot: 'stream',
    operation: 'entries.list',
    noteOf: (items) =>
      noteOf(
        orgid,
        items.map(({ line }) => line),
      ),
    items: (signal) =>
      numbered(replay(nc, settings, { orgid, fromSeq: Number(after) + 1, follow: true, signal }), Number(after)),
  });
}

/** Up to the head of now, or fewer. `Waybill-Last` says which entry is the last: one that is missing shows. */
function upToHead(asked: Asked<ListInput>, head: ChainHead): Answer {
  const { nc, settings } = asked.reader;
  const { orgid, after: given = '0', limit = 'Infinity' } = asked.input;
  const after = Number(given);
  const last = Math.min(head.seq, after + Number(limit));
  const nothing = (async function* none(): AsyncGenerator<StreamItem[]> {})();
  return streamAnswer(asked, {
    slot: 'stream',
    operation: 'entries.list',
    noteOf: (items) =>
      noteOf(
        orgid,
        items.map(({ line }) => line),
      ),
    headers: { 'Waybill-Last': String(Math.max(last, Math.min(after, head.seq))) },
    items: (signal) =>
      last <= after
        ? nothing
        : numbered(replay(nc, settings, { orgid, fromSeq: after + 1, toSeq: last, signal }), after),
  });
}

async function* numbered(batches: AsyncIterable<string[]>, after: number): AsyncGenerator<StreamItem[]> {
  let seq = after;
  for await (const lines of batches) yield lines.map((line) => ({ line, id: String(++seq) }));
}

/**
 * Entries that were read, for the audit of reads. Who reads nothing but such events themselves is none: it would be
 * chained, read by whoever follows the chain, and be followed by another one, for ever.
 */
function noteOf(orgid: string, lines: readonly string[]): ReadNote {
  return { orgids: [orgid], items: lines.every(isRead) ? 0 : lines.length };
}

function isRead(line: string): boolean {
  // Most entries need not be parsed.
  if (!line.includes(`"type":"${auditRead.type}"`)) return false;
  const { event } = JSON.parse(line) as { event: { type?: unknown } | null };
  return event?.type === auditRead.type;
}

/** The newest entries of those that the page is about, or the oldest, as many as fit. */
async function pageOf({ reader, input, signal }: Asked<ListInput>): Promise<WholeAnswer> {
  const { orgid, after, limit = DEFAULT_LIMIT, order = 'asc' } = input;
  const head = await headOf(reader, orgid);
  const cursor = after === undefined ? undefined : Number(after);
  const wanted = order === 'asc' ? ascending(cursor, limit, head) : descending(cursor, limit, head);
  const lines = wanted.from > wanted.to ? [] : await read(reader, { orgid, ...wanted, signal, order });
  if (order === 'desc') lines.reverse();
  const next = order === 'asc' ? wanted.from - 1 + lines.length : wanted.to + 1 - lines.length;
  const place = JSON.stringify({ seq: String(head.seq), hash: head.hash });
  return {
    kind: 'whole',
    form: 'application/json',
    text: `{"orgid":"${orgid}","entries":[${lines.join(',')}],"next":"${next}","head":${place}}\n`,
    isFinal: false,
    read: noteOf(orgid, lines),
  };
}

interface Range {
  /** The first entry and the last one. */
  readonly from: number;
  readonly to: number;
}

/** An empty page keeps its cursor. */
function ascending(after: number = 0, limit: string, head: ChainHead): Range {
  return { from: after + 1, to: Math.min(head.seq, after + Number(limit)) };
}

function descending(before: number | undefined, limit: string, head: ChainHead): Range {
  const to = before === undefined ? head.seq : Math.min(head.seq, before - 1);
  return { from: Math.max(1, to - Number(limit) + 1), to };
}

/** As many as fit in a page, at least one: of a page that descends the last ones, else the first ones. */
async function read(
  { nc, settings, limits }: Reader,
  { orgid, from, to, signal, order }: Range & { orgid: string; signal: AbortSignal; order: 'asc' | 'desc' },
): Promise<string[]> {
  const lines: string[] = [];
  let bytes = 0;
  for await (const batch of replay(nc, settings, { orgid, fromSeq: from, toSeq: to, signal })) {
    for (const line of batch) {
      const size = Buffer.byteLength(line);
      if (order === 'asc' && lines.length > 0 && bytes + size > limits.pageBytes) return lines;
      lines.push(line);
      bytes += size;
      while (bytes > limits.pageBytes && lines.length > 1) bytes -= Buffer.byteLength(lines.shift() ?? '');
    }
  }
  return lines;
}

export async function getEntry({ reader, input, signal }: Asked<Input<'entries.get'>>): Promise<WholeAnswer> {
  const { nc, settings, limits, slots } = reader;
  const { orgid } = input;
  const seq = Number(input.seq);
  const find = async (): Promise<string | null> => {
    for await (const [line] of replay(nc, settings, { orgid, fromSeq: seq, toSeq: seq, signal })) return line ?? null;
    return null;
  };
  const line = await withinTime(limits.queryMs, slots.take('query'), find());
  if (line !== null)
    return {
      kind: 'whole',
      form: 'application/json',
      text: `${line}\n`,
      isFinal: true,
      read: { orgids: [orgid], items: 1 },
    };
  const head = await readHead(nc, settings, orgid);
  if (head === null) throw noOrganization(orgid);
  throw new ConsumerError('NOT_FOUND', `the chain of ${orgid} has no entry ${seq}: it has ${head.seq}`);
}
