import { expect, test } from 'vitest';
import { connectionFault } from './connection-fault.ts';

const coded = (code: string): Error => Object.assign(new Error(`connect ${code} 10.0.0.1:4222`), { code });
const named = (name: string): Error => Object.assign(new Error('timeout'), { name });

test.each([
  [new Error('connection refused', { cause: coded('ECONNREFUSED') }), 'nobody listens there'],
  [coded('ENOTFOUND'), 'there is no such host'],
  [named('TimeoutError'), 'no answer in time'],
  [named('AuthorizationError'), 'the server refuses this identity: check user and password, token or credentials'],
  [
    new Error("'Authorization Violation'"),
    'the server refuses this identity: check user and password, token or credentials',
  ],
  [new Error('unexpected response from server'), 'what listens there does not speak NATS'],
  [new Error('error connecting - node provided an undefined error'), 'closed at once: perhaps what listens there'],
  [coded('ERR_SSL_WRONG_VERSION_NUMBER'), 'does not speak TLS'],
  [new Error('the file /x cannot be read', { cause: coded('ENOENT') }), 'the file /x cannot be read'],
  ['a text', 'a text'],
  [coded('toString'), 'connect toString'],
])('%s', (error, said) => {
  expect(connectionFault(error)).toContain(said);
});
