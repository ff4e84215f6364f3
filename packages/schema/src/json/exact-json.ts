/**
 * Parsing that loses nothing. `JSON.parse` rounds numbers and drops members that are given twice, without an error. A
 * ledger that hashed the result would confirm something that was never sent. For that reason RFC 8785 demands I-JSON
 * (RFC 7493).
 */
import { refuseJson, SchemaError, show } from '../error.ts';
import { canonicalJson } from './canonical.ts';
import type { Json } from './json.ts';
import { parseJson } from './parse-json.ts';

export interface ExactJson {
  readonly value: Json;
  /** RFC 8785 text of `value`. */
  readonly canonical: string;
}

/**
 * The value of a JSON text. Refuses a text whose value, printed again, would mean something else.
 *
 * @throws SchemaError NOT_JSON, NOT_EXACT (a number that a double cannot hold, a member twice) or NOT_CANONICAL
 */
export function parseExactJson(text: string): ExactJson {
  let value: Json;
  try {
    value = parseJson(text);
  } catch (cause) {
    refuseJson(cause);
  }
  let canonical: string;
  try {
    canonical = canonicalJson(value);
  } catch (error) {
    // 1e400 has become Infinity. The fault to report is the number, which `scan` finds.
    scan(text);
    throw error;
  }
  // In a canonical text no member is given twice, and no number prints differently.
  if (canonical !== text) scan(text);
  return { value, canonical };
}

/** Finds what parsing loses of a text that is known to be JSON. @throws SchemaError NOT_EXACT */
function scan(text: string): void {
  // For each open object the names of its members, for each open array null.
  const open: (Set<string> | null)[] = [];
  let expectName = false;
  for (let i = 0; i < text.length;) {
    const char = text[i] as string;
    if (char === '"') {
      const end = endOfString(text, i);
      const members = open.at(-1);
      if (expectName && members) {
        const name = JSON.parse(text.slice(i, end)) as string;
        if (members.has(name)) {
          throw new SchemaError('NOT_EXACT', `has the member ${show(name)} twice`, { rule: 'has a member twice' });
        }
        members.add(name);
      }
      expectName = false;
      i = end;
    } else if (char === '-' || (char >= '0' && char <= '9')) {
      const end = endOfNumber(text, i);
      checkNumber(text.slice(i, end));
      i = end;
    } else {
      if (char === '{') open.push(new Set());
      else if (char === '[') open.push(null);
      else if (char === '}' || char === ']') open.pop();
      if (char === '{' || (char === ',' && open.at(-1))) expectName = true;
      i++;
    }
  }
}

function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i + 1;
}

function endOfNumber(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length && '0123456789.eE+-'.includes(text[i] as string)) i++;
  return i;
}

/**
 * @throws SchemaError NOT_EXACT when a double changes the number, e.g. 9007199254740993. The error does not name the
 *   value
 */
function checkNumber(source: string): void {
  const printed = String(Number(source));
  if (printed === source || decimal(printed) === decimal(source)) return;
  throw new SchemaError('NOT_EXACT', `has a number of ${source.length} characters that a double would change`, {
    rule: 'has a number that a double would change',
  });
}

/** A decimal number as its significant digits and the power of ten of the last digit: "1.50e3" is "15e2". */
function decimal(source: string): string {
  const match = /^-?(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(source);
  if (!match) return source;
  const [, whole = '', fraction = '', exponent = '0'] = match;
  const digits = (whole + fraction).replace(/^0+/, '');
  // /0+$/ would take quadratic time when many zeros are not at the end.
  let end = digits.length;
  while (digits[end - 1] === '0') end--;
  if (end === 0) return '0';
  const significant = digits.slice(0, end);
  const power = BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.length - end);
  return `${source.startsWith('-') ? '-' : ''}${significant}e${power}`;
}
