import { errors } from '@nats-io/nats-core';
import { expect, test } from 'vitest';
import { createPermissionDenials } from './permission-denials.ts';

const violation = (what: string): Error => {
  const error = errors.PermissionViolationError.parse(`'Permissions Violation for ${what}'`);
  if (!error) throw new Error(`the client does not understand ${what}`);
  return error;
};

test('a denial is told once, with generated names and organizations masked, and forgotten when it is not repeated', () => {
  let ms = 0;
  const denials = createPermissionDenials({ maskedPrefixes: ['ledger'], isOptional: () => false, now: () => ms });
  const create = (name: string) => violation(`Publish to "$JS.API.CONSUMER.CREATE.AUDIT.waybill-${name}"`);
  expect(denials.record(create('AAAAAAAAAA'))).toMatchObject({
    operation: 'publish',
    subject: '$JS.API.CONSUMER.CREATE.AUDIT.*',
  });
  expect(denials.record(create('BBBBBBBBBB'))).toBeNull();
  expect(denials.record(violation('Publish to "ledger.acme"'))).toMatchObject({ subject: 'ledger.*' });
  expect(denials.record(violation('Publish to "ledger.bolt"'))).toBeNull();
  expect(denials.record(violation('Subscription to "$SRV.PING"'))).toMatchObject({ operation: 'subscription' });
  expect(denials.record(new Error('something else'))).toBeNull();
  expect(denials.current()).toHaveLength(3);

  ms += 29_000;
  denials.record(violation('Publish to "ledger.acme"'));
  ms += 2_000;
  // The denied subscription stays: the client does not try it again.
  expect(denials.current().map(({ subject }) => subject)).toEqual(['ledger.*', '$SRV.PING']);
  expect(denials.record(create('AAAAAAAAAA'))).not.toBeNull();
  denials.forget();
  expect(denials.current()).toEqual([]);
});
