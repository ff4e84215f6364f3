import { expect, test } from 'vitest';
import { checkCustomers } from './customers.ts';

test.each(['', ' ', 'a b', 'a\nb', 'a\u0000', 'a\u007f', 'a\ud800', 'x'.repeat(256)])(
  '%j is no customer',
  (customer) => {
    expect(() => checkCustomers('customers', { acme: customer })).toThrow("expected the engine's id of it");
  },
);

test.each(['cus_1', 'Zoë', '顧客-1', 'a;b="c"', 'x'.repeat(255)])('%j is one', (customer) => {
  expect(checkCustomers('customers', { acme: customer, beta: null })).toEqual(
    new Map([
      ['acme', customer],
      ['beta', null],
    ]),
  );
});
