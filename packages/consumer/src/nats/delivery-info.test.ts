import { expect, test } from 'vitest';
import { createDeliveryInfoReader } from './delivery-info.ts';

const expected = {
  streamSeq: 12345,
  consumerSeq: 678,
  received: '2026-11-21T02:00:00.123Z',
  pending: 9,
};
const stored = `${Date.parse(expected.received)}999999`;

test.each([
  ['of old', `$JS.ACK.AUDIT.waybill-x.1.12345.678.${stored}.9`],
  ['with a domain and an account', `$JS.ACK._.aBcD.AUDIT.waybill-x.1.12345.678.${stored}.9`],
  ['with a random token at the end', `$JS.ACK.hub.aBcD.AUDIT.waybill-x.1.12345.678.${stored}.9.r4nd0m`],
])('a reply subject %s; the last nanosecond of a millisecond is not rounded up', (_, reply) => {
  const parse = createDeliveryInfoReader();
  expect(parse(reply)).toEqual(expected);
  // The next one of the same consumer, and one of another.
  expect(parse(reply.replace('.12345.678.', '.12346.679.'))).toEqual({
    ...expected,
    streamSeq: 12346,
    consumerSeq: 679,
  });
  expect(parse(reply.replace('waybill-x', 'waybill-yz'))).toEqual(expected);
  expect(parse('_INBOX.x')).toBeNull();
});

test.each([undefined, '', '_INBOX.x', '$JS.ACK.AUDIT'])('%s is no delivery', (reply) => {
  expect(createDeliveryInfoReader()(reply)).toBeNull();
});
