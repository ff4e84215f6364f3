import { expect, test } from 'vitest';
import { inboxPrefixOf, readServerAddress, splitServers } from './server-address.ts';

test.for([
  ['localhost', 'localhost:4222', undefined],
  ['127.0.0.1:80', '127.0.0.1:80', undefined],
  ['nats://nats', 'nats:4222', undefined],
  ['nats://n_1.example:4333/', 'n_1.example:4333', undefined],
  ['nats://[::1]:4333', '[::1]:4333', undefined],
  ['nats://u:p@nats:1', 'nats:1', { user: 'u', pass: 'p' }],
  // The client would read 12 as the port.
  ['nats://u:12@nats', 'nats:4222', { user: 'u', pass: '12' }],
  ['nats://s3cr3t@nats', 'nats:4222', { token: 's3cr3t' }],
  ['u:p@nats:1', 'nats:1', { user: 'u', pass: 'p' }],
  ['nats://u%40x:%25%2F%3F%23%20%C3%A9@nats', 'nats:4222', { user: 'u@x', pass: '%/?# é' }],
  // People write an @ in passwords. The last one ends the password.
  ['nats://u:p@ss@nats', 'nats:4222', { user: 'u', pass: 'p@ss' }],
] as const)('%s', ([text, server, identity]) => {
  expect(readServerAddress([text], 'x')).toEqual({ servers: [server], tls: false, identity });
});

test('several servers have one identity, and one tls:// makes TLS a must', () => {
  const address = readServerAddress(['nats://u:p@a', 'tls://u:p@b', 'c'], 'x');
  expect(address).toEqual({ servers: ['a:4222', 'b:4222', 'c:4222'], tls: true, identity: { user: 'u', pass: 'p' } });
  expect(() => readServerAddress(['nats://u:p@a', 'nats://u:q@b'], 'x')).toThrow('different users');
});

test.for([
  'nats://u:p/secret@nats:4222',
  'nats://u:1234/secret@nats',
  'nats://u:secret#@nats:1',
  'nats://u:secret?x@nats:1',
  'nats://u:100%secret@nats',
  'nats://:secret:@',
  'http://u:secret@nats',
  'secret@',
  'se cret',
])('%s is refused, and nothing of it is in the message', (text) => {
  const read = () => readServerAddress(['nats://ok', text], 'THE_LIST');
  expect(read).toThrow('THE_LIST, number 2: expected');
  expect(read).not.toThrow(/cret|1234/);
});

test.for(['nats://s3cr,et@nats', 'nats://u:12,34@nats', 'u:12,34@nats,other'])(
  'a comma in %s is not taken for the end of a server, which would be looked up and shown',
  (text) => {
    const read = () => readServerAddress(splitServers(text), 'THE_LIST');
    expect(read).toThrow('THE_LIST, number 2: expected nats:// or tls://');
    expect(read).not.toThrow(/s3cr|et@|12|34/);
  },
);

test('of several servers one alone may have the identity, with its scheme', () => {
  for (const list of ['a,nats://u:p@b', 'u:p@a,b', 'u:p@a,u:p@b'])
    expect(readServerAddress(splitServers(list), 'x')).toMatchObject({
      servers: ['a:4222', 'b:4222'],
      identity: { user: 'u', pass: 'p' },
    });
});

test('the inbox prefix is that of the shipped configuration, where the name can be in a subject', () => {
  expect(inboxPrefixOf('producer')).toBe('_INBOX.producer');
  for (const name of [undefined, '', 'a b', 'a.b', '*', '>', 'ä']) expect(inboxPrefixOf(name)).toBeUndefined();
});

test('a list may be unset, empty, a text with commas, or have blanks', () => {
  for (const none of [undefined, '', ' , ', [], ['', ' ']]) expect(splitServers(none)).toEqual([]);
  expect(splitServers(' a , b')).toEqual(['a', 'b']);
  expect(splitServers(['a ', 'b'])).toEqual(['a', 'b']);
});
