import { expect, test } from 'vitest';
import { type Billed, createTally } from './tally.ts';

const bill = (orgid: string, changes: Partial<Billed> = {}): Billed => ({
  orgid,
  events: '3',
  uploads: { count: '2', bytes: '30', unknown: '0' },
  downloads: { count: '1', bytes: '7', unknown: '0' },
  deduplicated: { count: '0', bytes: '0', unknown: '0' },
  ...changes,
});

function tally() {
  const tally = createTally();
  tally.add('acme', 'uploads', 10);
  tally.add('acme', 'uploads', 20);
  tally.add('acme', 'downloads', 7);
  return tally;
}

test('an equal bill has no differences', () => {
  expect(tally().differences([bill('acme')])).toEqual([]);
  expect(tally().requests).toBe(3);
});

test.for([
  [
    'a byte too many',
    [bill('acme', { uploads: { count: '2', bytes: '31', unknown: '0' } })],
    'acme: uploads.bytes is 31 in the ledger, and 30 was counted',
  ],
  [
    'an unknown size',
    [bill('acme', { downloads: { count: '1', bytes: '7', unknown: '1' } })],
    'acme: downloads.unknown is 1 in the ledger, and 0 was counted',
  ],
  ['an event too few', [bill('acme', { events: '2' })], 'acme: events is 2 in the ledger, and 3 was counted'],
  ['a missing organization', [], 'acme: events is missing in the ledger, and 3 was counted'],
  ['an unknown organization', [bill('acme'), bill('other')], 'other: events is 3 in the ledger, and 0 was counted'],
] as const)('%s is a difference', ([, bills, line]) => {
  expect(tally().differences(bills)).toContain(line);
});
