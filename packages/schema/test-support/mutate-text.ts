/** Small changes to a JSON text. Some change its meaning; most write the same value in another way. */
import fc from 'fast-check';

export type MutateText = (text: string) => string;

/** Replaces the `n`th match of `pattern`, modulo the number of matches. Without a match the text stays. */
function replaceNth(text: string, pattern: RegExp, n: number, change: (match: string) => string): string {
  const matches = [...text.matchAll(pattern)];
  const match = matches[n % Math.max(1, matches.length)];
  if (!match) return text;
  return text.slice(0, match.index) + change(match[0]) + text.slice(match.index + match[0].length);
}

const unicodeEscape = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
const NUMBER = /(?<=[[:,]|^)-?\d[\d.e+-]*(?=[\],}]|$)/g;

/**
 * Repeats a member of an object, or moves it before the one in front of it. Only members whose values have no commas.
 */
const MEMBER = /"[^"\\]*":(?:"[^"\\]*"|[^,{}[\]"]+)(?=[,}])/g;
const MEMBERS = /("[^"\\]*":(?:"[^"\\]*"|[^,{}[\]"]+)),("[^"\\]*":(?:"[^"\\]*"|[^,{}[\]"]+))(?=[,}])/g;

const CHANGES: readonly ((n: number) => MutateText)[] = [
  () => (text) => text,
  (n) => (text) => replaceNth(text, /[[\]{},:]/g, n, (char) => `${char} `),
  (n) => (text) => replaceNth(text, /[[\]{},:]/g, n, (char) => `\t${char}`),
  () => (text) => `${text}\r`,
  (n) => (text) => replaceNth(text, NUMBER, n, (number) => `${number}.0`),
  (n) => (text) => replaceNth(text, NUMBER, n, (number) => `${number}e0`),
  (n) => (text) => replaceNth(text, NUMBER, n, (number) => `-${number}`),
  (n) => (text) => replaceNth(text, NUMBER, n, () => '-0'),
  (n) => (text) => replaceNth(text, NUMBER, n, (number) => `0${number}`),
  (n) => (text) => replaceNth(text, NUMBER, n, (number) => `${number}00000000000000000001`),
  (n) => (text) => replaceNth(text, /[A-Za-z/]/g, n, unicodeEscape),
  (n) => (text) => replaceNth(text, /\//g, n, () => '\\/'),
  (n) => (text) => replaceNth(text, MEMBER, n, (member) => `${member},${member}`),
  (n) => (text) => replaceNth(text, MEMBERS, n, (two) => two.replace(MEMBERS, '$2,$1')),
  (n) => (text) => replaceNth(text, /[^]/g, n, () => ''),
  (n) => (text) => replaceNth(text, /[^]/g, n, (char) => char + char),
  (n) => (text) => replaceNth(text, /[^]/g, n, (char) => String.fromCharCode(char.charCodeAt(0) ^ (1 << (n % 7)))),
  (n) => (text) => replaceNth(text, /\d/g, n, (digit) => String((Number(digit) + 1) % 10)),
];

export const mutateText: fc.Arbitrary<MutateText> = fc
  .tuple(fc.constantFrom(...CHANGES), fc.nat(200))
  .map(([change, n]) => change(n));
