import { isIPv6 } from 'node:net';

/**
 * What an address counts as: an IPv4 address as itself, an IPv6 address as its /64, which is what one customer of a
 * provider has. A text that is no address counts as one and the same.
 */
export function addressKey(address: string): string {
  const plain = address.replace(/%.*$/, '').toLowerCase();
  const v4 = /^(?:::ffff:)?(\d{1,3}(?:\.\d{1,3}){3})$/.exec(plain)?.[1];
  if (v4 !== undefined) return v4;
  if (!isIPv6(plain)) return 'no address';
  return `${groupsOf(plain).slice(0, 4).join(':')}::/64`;
}

/** The eight groups, without leading zeros. */
function groupsOf(address: string): string[] {
  const [head = '', tail] = address.split('::');
  const list = (text: string): string[] =>
    text === '' ? [] : text.split(':').flatMap((group) => (group.includes('.') ? [group, ''] : [group]));
  const [front, back] = [list(head), list(tail ?? '')];
  const zeros = Array.from({ length: 8 - front.length - back.length }, () => '0');
  return [...front, ...zeros, ...back].map((group) => group.replace(/^0+(?=.)/, ''));
}
