import { expect, test } from 'vitest';
import { matches } from './control-subject.ts';

test.each([
  ['waybill.control.>', 'waybill.control.acknowledge.acme', true],
  ['>', 'waybill.control.acknowledge.acme', true],
  ['waybill.*.acknowledge.*', 'waybill.control.acknowledge.acme', true],
  ['waybill.control.acknowledge.acme', 'waybill.control.acknowledge.acme', true],
  ['audit.>', 'waybill.control.acknowledge.acme', false],
  ['waybill.control.*', 'waybill.control.acknowledge.acme', false],
  ['waybill.control.acknowledge.acme.>', 'waybill.control.acknowledge.acme', false],
  ['waybill.control.acknowledge.acme.more', 'waybill.control.acknowledge.acme', false],
])('%s takes %s: %s', (filter, subject, expected) => {
  expect(matches(filter, subject)).toBe(expected);
});
