import { errors } from '@nats-io/nats-core';
import { expect, test } from 'vitest';
import { createRefusals } from './permission-denials.ts';

const violation = (what: string): Error => {
  const error = errors.PermissionViolationError.parse(`'Permissions Violation for ${what}'`);
  if (!error) throw new Error(`the client does not understand ${what}`);
  return error;
};

test('a refusal is told once, with made-up names and organizations masked, and forgotten when it does not come again', () => {
  let ms = 0;
  const refusals = createRefusals({ ledgerPrefix: 'ledger', isOptional: () => false, now: () => ms });
  const create = (name: string) => violation(`Publish to "$JS.API.CONSUMER.CREATE.AUDIT.waybill-${name}"`);
  expect(refusals.note(create('AAAAAAAAAA'))).toMatchObject({
    operation: 'publish',
    subject: '$JS.API.CONSUMER.CREATE.AUDIT.*',
  });
  expect(refusals.note(create('BBBBBBBBBB'))).toBeNull();
  expect(refusals.note(violation('Publish to "ledger.acme"'))).toMatchObject({ subject: 'ledger.*' });
  expect(refusals.note(violation('Publish to "ledger.bolt"'))).toBeNull();
  expect(refusals.note(violation('Subscription to "$SRV.PING"'))).toMatchObject({ operation: 'subscription' });
  expect(refusals.note(new Error('something else'))).toBeNull();
  expect(refusals.current()).toHaveLength(3);

  ms += 29_000;
  refusals.note(violation('Publish to "ledger.acme"'));
  ms += 2_000;
  // The subscription stays refused: it is not tried again.
  expect(refusals.current().map(({ subject }) => subject)).toEqual(['ledger.*', '$SRV.PING']);
  expect(refusals.note(create('AAAAAAAAAA'))).not.toBeNull();
  refusals.forget();
  expect(refusals.current()).toEqual([]);
});
