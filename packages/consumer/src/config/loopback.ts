import { isIPv4 } from 'node:net';

/** Whether an address or a name stands for this machine alone: `localhost`, 127.0.0.0/8, ::1, and ::ffff:127.0.0.0/104. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[(.*)\]$/, '$1');
  if (name === 'localhost' || name === '::1') return true;
  const v4 = name.replace(/^::ffff:/, '');
  return isIPv4(v4) && v4.startsWith('127.');
}
