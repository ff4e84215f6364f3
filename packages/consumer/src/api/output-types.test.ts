/** The answers that the table promises are what the functions return: checked by the compiler. */
import type { Bill } from '@waybill/schema';
import type { Output } from '@waybill/schema/api';
import { expectTypeOf, test } from 'vitest';
import type { UsageReport } from '../usage/usage.ts';
import type { Usage } from '../usage/usage-answer.ts';
import type { LedgerReport } from '../verify/ledger-report.ts';

test('shapes of the table and types of the functions fit each other', () => {
  expectTypeOf<Mutable<Usage>>().toExtend<Loose<Output<'usage.get'>>>();
  expectTypeOf<Output<'usage.get'>['windows']>().toExtend<Loose<Usage['windows']>>();
  expectTypeOf<Mutable<UsageReport>>().toExtend<Loose<Output<'usage.all'>>>();
  expectTypeOf<Mutable<Bill>['statement']>().toExtend<Loose<Output<'bills.get'>['statement']>>();
  expectTypeOf<Mutable<LedgerReport>>().toExtend<Loose<NonNullable<Output<'verifications.get'>['report']>>>();
});

/** Readonly arrays are none for zod. */
type Mutable<T> = T extends readonly (infer Item)[]
  ? Mutable<Item>[]
  : T extends object
    ? { -readonly [Key in keyof T]: Mutable<T[Key]> }
    : T;
/** For zod an optional member may also be there and undefined. */
type Loose<T> = T extends readonly (infer Item)[]
  ? Loose<Item>[]
  : T extends object
    ? { -readonly [Key in keyof T]: Loose<T[Key]> }
    : T;
