/** The hot path beside the portable reference, on a million random values: canonical text, and its hash. */
import { hash } from 'node:crypto';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import canonicalize from 'canonicalize';
import { expect, test } from 'vitest';
import { IS_WHOLE } from '../../test-support/part.ts';
import { canonicalJson } from './canonical.ts';
import type { Json } from './json.ts';
import { parseJson } from './parse-json.ts';

/** `npm run test:long` takes all of them; `npm test` a slice, another one each time. */
const VALUES = IS_WHOLE ? 1_000_000 : 40_000;
const SEED = Number(process.env['SEED'] ?? Date.now() % 2 ** 32);

/** mulberry32: small, and the same everywhere. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

const bits = new DataView(new ArrayBuffer(8));
const NAMES = [
  'a',
  'b',
  'aa',
  'Z',
  '1',
  '10',
  '2',
  '',
  '__proto__',
  'constructor',
  'é',
  '€',
  '💶',
  '\ufb33',
  '\ud83d\ude00z',
];

function createValues(random: () => number) {
  const below = (n: number): number => random() % n;
  /** Any double there is, and often a small or a whole one. */
  const number = (): number => {
    if (below(3) === 0) return below(1_000) - 500;
    bits.setUint32(0, random());
    bits.setUint32(4, random());
    const value = bits.getFloat64(0);
    return Number.isFinite(value) ? value : 10 ** (below(40) - 20);
  };
  const character = (): string => {
    const kind = below(8);
    if (kind < 4) return String.fromCharCode(0x20 + below(0x5f));
    if (kind < 5) return String.fromCharCode(below(0x20));
    if (kind < 6) return String.fromCharCode(0x7f + below(0x780));
    if (kind < 7) return String.fromCodePoint(0x10000 + below(0x100000));
    const unit = 0x800 + below(0xf800);
    return unit >= 0xd800 && unit < 0xe000 ? '\u2028' : String.fromCharCode(unit);
  };
  const string = (): string => Array.from({ length: below(below(10) === 0 ? 200 : 8) }, character).join('');
  const name = (): string => (below(2) === 0 ? (NAMES[below(NAMES.length)] as string) : string());
  const value = (depth: number): Json => {
    switch (below(depth > 4 ? 5 : 7)) {
      case 0:
        return null;
      case 1:
        return below(2) === 0;
      case 2:
        return number();
      case 3:
      case 4:
        return string();
      case 5:
        return Array.from({ length: below(5) }, () => value(depth + 1));
      default:
        return Object.fromEntries(Array.from({ length: below(6) }, () => [name(), value(depth + 1)]));
    }
  };
  return value;
}

test(`${VALUES} random values have the reference's text and the reference's hash (seed ${SEED})`, () => {
  const next = createValues(createRandom(SEED));
  let characters = 0;
  let reordered = 0;
  for (let i = 0; i < VALUES; i++) {
    const value = next(0);
    const text = canonicalJson(value);
    if (text !== canonicalize(value)) throw new Error(`value ${i} has another text: ${text}`);
    // The text again, as it comes from the wire: in order already.
    if (canonicalJson(parseJson(text)) !== text) throw new Error(`value ${i} is no fixed point: ${text}`);
    const hex = hash('sha256', text, 'hex');
    if (hex !== bytesToHex(sha256(utf8ToBytes(text)))) throw new Error(`value ${i} has another hash: ${text}`);
    characters += text.length;
    if (JSON.stringify(value) !== text) reordered++;
  }
  // Enough of them had to be put in order.
  expect(reordered).toBeGreaterThan(VALUES / 20);
  console.log(
    `${VALUES} values, ${characters} characters, ${reordered} that JSON.stringify prints otherwise; seed ${SEED}`,
  );
});
