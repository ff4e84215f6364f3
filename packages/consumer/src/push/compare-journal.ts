/** What a journal says of the values that are to be pushed. */
import { ConsumerError } from '../errors.ts';
import type { Candidate } from './engine.ts';
import type { JournalRecord } from './journal.ts';
import { describeValue, type PushValue } from './push-value.ts';

export interface Compared {
  /** Confirmed already. */
  readonly before: readonly PushValue[];
  /** All others. */
  readonly open: readonly Candidate[];
}

/**
 * Values that are confirmed are not sent again. A value is refused that would count a time twice: another window over
 * the same time, another value of the same window, or the same value for another customer or meter.
 *
 * @throws ConsumerError ALREADY_PUSHED naming both
 */
export function compareJournal(values: readonly PushValue[], records: ReadonlyMap<string, JournalRecord>): Compared {
  const pushed = Map.groupBy(
    [...records.values()].filter(({ state }) => state !== 'refused'),
    ({ value }) => `${value.meter} ${value.orgid}`,
  );
  const before: PushValue[] = [];
  const open: Candidate[] = [];
  for (const value of values) {
    for (const record of pushed.get(`${value.meter} ${value.orgid}`) ?? []) checkPair(value, record);
    const record = records.get(value.id);
    if (record?.state === 'confirmed') before.push(value);
    else open.push({ value, isUnsettled: record?.state === 'intent' });
  }
  return { before, open };
}

function checkPair(value: PushValue, { value: old, state }: JournalRecord): void {
  if (value.to <= old.from || old.to <= value.from) return;
  const said = `${describeValue(value)}: the journal has ${old.value} from ${old.from} to ${old.to}`;
  if (value.from !== old.from || value.to !== old.to)
    throw already(`${said}, which is another window over the same time: push it with the --zone and --step of then`);
  if (value.id !== old.id || value.value !== old.value)
    throw already(`${said} with the id ${old.id}: a final answer has changed, and the ledger is not the one of then`);
  if (value.customer === old.customer && value.name === old.name) return;
  const then = `customer ${old.customer} and meter ${old.name}`;
  throw already(
    state === 'confirmed'
      ? `${said} for ${then}: correct it in the engine`
      : `${said} for ${then}, and nobody knows whether it arrived: push it for those first`,
  );
}

export function already(message: string): ConsumerError {
  return new ConsumerError('ALREADY_PUSHED', message);
}
