/** The time that a bill is for, and its cuts. Only a final period is billed. */
import type { JetStreamManager } from '@nats-io/jetstream';
import { ConsumerError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { readFinality } from '../audit/finality.ts';
import { checkQuery, type UsageQuery } from '../usage/usage-query.ts';
import { TZ_VERSION } from '../zone.ts';

/** A `period`, or `from` and `to`; `step` is that of the lines, a day by default. */
export type PeriodQuery = Pick<UsageQuery, 'period' | 'from' | 'to' | 'zone' | 'step'>;

export interface BillPeriod {
  /** As it was asked for; null: by `from` and `to`. */
  readonly name: string | null;
  readonly zone: string;
  readonly tz: string;
  /** UTC, milliseconds, ascending; at least two. */
  readonly cuts: readonly string[];
}

/** @throws ConsumerError BAD_ARGUMENT, NOT_FINAL, NO_STREAM … */
export async function openPeriod(jsm: JetStreamManager, settings: Settings, query: PeriodQuery): Promise<BillPeriod> {
  const { zone, windows } = checkQuery('makeBill', { ...query, step: query.step ?? 'day' }, {});
  const cuts = windows && [...windows.slice(0, 1).map(({ from }) => from), ...windows.map(({ to }) => to)];
  const to = cuts?.at(-1);
  if (!cuts || to === undefined)
    throw new ConsumerError('BAD_ARGUMENT', 'from and to are the same: there is no time to bill');
  const { final, pending } = await readFinality(jsm, settings, to);
  if (!final) throw new ConsumerError('NOT_FINAL', `the time up to ${to} cannot be billed yet: ${pending}`);
  return { name: query.period ?? null, zone, tz: TZ_VERSION, cuts };
}
