/** `bills.get` and `bills.all`. */
import { type Bill, formatBill } from '@waybill/schema';
import type { Input } from '@waybill/schema/api';
import { canonicalJson } from '@waybill/schema/internal';
import { type BillOptions, makeBill, makeBills } from '../bill/make-bill.ts';
import { readHead } from '../ledger/chain-head.ts';
import { problemOf } from './problem.ts';
import type { Asked, Reader, StreamAnswer, StreamItem, WholeAnswer } from './reader.ts';
import { noOrganization, visibleOf } from './sight.ts';
import { streamAnswer } from './stream-answer.ts';
import { withinTime } from './within-time.ts';

export function getBill({ reader, input }: Asked<Input<'bills.get'>>): Promise<WholeAnswer> {
  const { nc, settings, limits, slots } = reader;
  const { orgid, ...period } = input;
  const make = async (): Promise<WholeAnswer> => {
    const bill = await makeBill(nc, settings, { ...optionsOf({ reader }, period), orgid });
    if (isEmpty(bill) && (await readHead(nc, settings, orgid)) === null) throw noOrganization(orgid);
    return {
      kind: 'whole',
      form: 'application/json',
      text: formatBill(bill),
      isFinal: true,
      read: { orgids: [orgid], items: 1 },
    };
  };
  return withinTime(limits.billMs, slots.take('bill'), make());
}

function isEmpty({ statement }: Bill): boolean {
  return statement.cuts.at(-1)?.before === null;
}

/** The first bill is made before the answer begins: a question that makes no sense then has an error of its own. */
export async function streamBills(asked: Asked<Input<'bills.all'>>): Promise<StreamAnswer> {
  const { reader, input, principal, signal } = asked;
  const { organizations, after, ...period } = input;
  const orgids = visibleOf(principal, organizations);
  const bills = makeBills(reader.nc, reader.settings, { ...optionsOf(asked, period), orgids, after });
  const begin = reader.slots.take('bill');
  const first = await withinTime(reader.limits.billMs, begin, bills.next());
  signal.addEventListener('abort', () => void bills.return(undefined).catch(() => undefined), { once: true });
  const isAll = orgids === undefined;
  return streamAnswer(asked, {
    slot: 'bill',
    operation: 'bills.all',
    noteOf(items) {
      // The closing line is nobody's.
      const named = items.flatMap(({ id }) => (id === undefined ? [] : [id]));
      return { orgids: isAll ? 'all' : named, items: named.length };
    },
    items: () => billLines(reader, first, bills),
  });
}

function optionsOf({ reader }: Pick<Asked<unknown>, 'reader'>, period: Omit<Input<'bills.get'>, 'orgid'>): BillOptions {
  const { issuer, signer } = reader.bill;
  return { ...period, issuer, ...(signer && { signer }) };
}

/** One bill a line; and a closing line, which says whether these are all. */
async function* billLines(
  { logger }: Reader,
  first: IteratorResult<Bill, unknown>,
  bills: AsyncGenerator<Bill>,
): AsyncGenerator<readonly StreamItem[]> {
  let count = 0;
  try {
    for (let next = first; !next.done; next = await bills.next()) {
      yield [itemOf(next.value)];
      count++;
    }
    yield [{ line: canonicalJson({ end: true, count: String(count) }) }];
  } catch (error) {
    logger.error({ err: error }, 'bills broke off');
    yield [{ line: JSON.stringify({ end: false, count: String(count), problem: problemOf(error) }) }];
  }
}

function itemOf(bill: Bill): StreamItem {
  return { line: formatBill(bill).trimEnd(), id: bill.statement.orgid };
}
