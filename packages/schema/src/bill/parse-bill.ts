/** Reads the text of a bill. `docs/reference/format.md` §14 specifies its form. */
import { SchemaError, show } from '../error.ts';
import { SIGNATURE_PATTERN } from '../event/attribute.ts';
import { ORGID_PATTERN } from '../event/subject.ts';
import { hasLength } from '../event/text-rule.ts';
import { isJsonObject, type Json, type JsonObject } from '../json/json.ts';
import { parseJson } from '../json/parse-json.ts';
import { decodeUtf8, isLongerThan } from '../json/utf8.ts';
import { checkCore, isReceived } from '../ledger/parse-entry.ts';
import { createShapeCheck, isCount, isDecimal, isProducer, TOTALS_MEMBERS } from '../ledger/shape.ts';
import { type Bill, formatBill, MAX_BILL_BYTES, MAX_CUTS, MAX_OPEN_LISTED } from './bill.ts';

const { only, check, checkTotals } = createShapeCheck('NOT_A_BILL');

/**
 * Reads a bill's file and checks its form. Whether its numbers are right is for `verifyBill` to check.
 *
 * @throws SchemaError NOT_A_BILL naming the field and the value; NEWER_VERSION
 */
export function parseBill(file: string | Uint8Array): Bill {
  const text = decode(file);
  const bill = readBill(text);
  let canonical: string;
  try {
    canonical = formatBill(bill);
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    throw new SchemaError('NOT_A_BILL', `the bill ${error.message}`);
  }
  // A member that stands twice, a number that a double changes, and other white space are found here.
  if (text !== canonical)
    throw new SchemaError(
      'NOT_A_BILL',
      'the text is not the canonical JSON of its bill, with one line feed at its end',
    );
  return bill;
}

function decode(file: string | Uint8Array): string {
  const isTooLong = typeof file === 'string' ? isLongerThan(file, MAX_BILL_BYTES) : file.length > MAX_BILL_BYTES;
  if (isTooLong) throw new SchemaError('NOT_A_BILL', `the text has more than ${MAX_BILL_BYTES} bytes`);
  if (typeof file === 'string') return file;
  try {
    return decodeUtf8(file);
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    throw new SchemaError('NOT_A_BILL', 'the text is not UTF-8');
  }
}

function readBill(text: string): Bill {
  let value: Json;
  try {
    value = parseJson(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new SchemaError('NOT_A_BILL', 'the text is not JSON');
  }
  checkVersion(value);
  const isSigned = isJsonObject(value) && (Object.hasOwn(value, 'signature') || Object.hasOwn(value, 'keyid'));
  const bill = only(value, 'bill', isSigned ? [...MEMBERS, 'keyid', 'signature'] : MEMBERS);
  check(bill['v'] === 1, 'v', bill['v'], '1');
  check(bill['kind'] === 'bill', 'kind', bill['kind'], '"bill"');
  const cuts = checkStatement(bill['statement']);
  checkAnchors(bill['anchors'], cuts);
  if (isSigned) {
    const { keyid, signature } = bill;
    check(isText(keyid, 128), 'keyid', keyid, 'a text of 1 to 128 UTF-16 units');
    const isBase64 = typeof signature === 'string' && SIGNATURE_PATTERN.test(signature);
    check(isBase64, 'signature', signature, 'the base64 of 64 bytes');
  }
  return value as unknown as Bill;
}

const MEMBERS = ['v', 'kind', 'statement', 'anchors'];
const STATEMENT = ['orgid', 'zone', 'tz', 'from', 'to', 'issued_by', 'usage', 'cuts', 'lines', 'completeness'];
const COUNTS = ['unknown', 'missing', 'duplicates', 'beyond_window', 'rejected', 'gaps'];

/** Checked first, because this code does not know the members of a later version. */
function checkVersion(value: Json): void {
  if (!isJsonObject(value) || value['kind'] !== 'bill' || value['v'] === 1 || !isCount(value['v'])) return;
  throw new SchemaError('NEWER_VERSION', `v is ${show(value['v'])}: version 1 of bills is the one that is known here`);
}

/** @returns the number of its cuts */
function checkStatement(value: Json | undefined): number {
  const hasPeriod = isJsonObject(value) && Object.hasOwn(value, 'period');
  const statement = only(value, 'statement', hasPeriod ? [...STATEMENT, 'period'] : STATEMENT);
  const { orgid, period, zone, tz, issued_by } = statement;
  check(typeof orgid === 'string' && ORGID_PATTERN.test(orgid), 'statement.orgid', orgid, 'an organization');
  check(!hasPeriod || isText(period, 64), 'statement.period', period, 'a text of 1 to 64 UTF-16 units');
  check(isText(zone, 64), 'statement.zone', zone, 'a text of 1 to 64 UTF-16 units');
  check(isText(tz, 64), 'statement.tz', tz, 'a text of 1 to 64 UTF-16 units');
  check(isText(issued_by, 256), 'statement.issued_by', issued_by, 'a text of 1 to 256 UTF-16 units');
  for (const name of ['from', 'to']) checkTime(`statement.${name}`, statement[name]);
  checkTotals(only(statement['usage'], 'statement.usage', TOTALS_MEMBERS));
  const cuts = checkList('statement.cuts', statement['cuts'], { least: 2, most: MAX_CUTS }, checkCut);
  const size = { least: cuts - 1, most: cuts - 1 };
  checkList('statement.lines', statement['lines'], size, checkLine);
  checkCompleteness(statement['completeness']);
  return cuts;
}

function checkCut(name: string, value: Json | undefined): void {
  const { at, before } = only(value, name, ['at', 'before']);
  checkTime(`${name}.at`, at);
  checkOptionalCore(`${name}.before`, before);
}

function checkLine(name: string, value: Json | undefined): void {
  const { from, to, ...totals } = only(value, name, ['from', 'to', ...TOTALS_MEMBERS]);
  checkTime(`${name}.from`, from);
  checkTime(`${name}.to`, to);
  checkTotals(totals);
}

function checkCompleteness(value: Json | undefined): void {
  const name = 'statement.completeness';
  const completeness = only(value, name, [...COUNTS, 'open']);
  for (const count of COUNTS) {
    check(isDecimal(completeness[count]), `${name}.${count}`, completeness[count], 'a decimal string');
  }
  const open = only(completeness['open'], `${name}.open`, ['count', 'publishers']);
  check(isDecimal(open['count']), `${name}.open.count`, open['count'], 'a decimal string');
  const size = { least: 0, most: MAX_OPEN_LISTED };
  const listed = checkList(`${name}.open.publishers`, open['publishers'], size, (place, one) => {
    const { producer, last, received } = only(one, place, ['producer', 'last', 'received']);
    check(isProducer(producer), `${place}.producer`, producer, 'a boot id');
    check(isDecimal(last), `${place}.last`, last, 'a decimal string');
    check(isReceived(received), `${place}.received`, received, 'RFC 3339 UTC with milliseconds');
  });
  const count = Number(open['count']);
  check(listed === Math.min(count, MAX_OPEN_LISTED), `${name}.open.count`, open['count'], `the number of publishers`);
}

/** Known anchors only. Others are for a later version to check. */
function checkAnchors(value: Json | undefined, cuts: number): void {
  check(isJsonObject(value), 'anchors', value, 'an object');
  const { after, watermark } = value as JsonObject;
  const size = { least: cuts, most: cuts };
  if (after !== undefined) checkList('anchors.after', after, size, checkOptionalCore);
  check(watermark === undefined || isCount(watermark), 'anchors.watermark', watermark, 'an integer from 1');
}

function checkOptionalCore(name: string, value: Json | undefined): void {
  if (value === null) return;
  try {
    checkCore(value);
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    throw new SchemaError('NOT_A_BILL', `${name}: ${error.message}`);
  }
}

/** @returns the number of its elements */
function checkList(
  name: string,
  value: Json | undefined,
  { least, most }: { least: number; most: number },
  checkOne: (name: string, one: Json | undefined) => void,
): number {
  const list: readonly Json[] | null = Array.isArray(value) ? (value as readonly Json[]) : null;
  const expected = least === most ? `an array of ${least}` : `an array of ${least} to ${most}`;
  check(list !== null && list.length >= least && list.length <= most, name, value, expected);
  for (const [i, one] of (list ?? []).entries()) checkOne(`${name}[${i}]`, one);
  return list?.length ?? 0;
}

/** Unlike `received` of an entry, on a day that exists. */
function checkTime(name: string, value: Json | undefined): void {
  const ms = isReceived(value) ? Date.parse(value as string) : Number.NaN;
  const isReal = Number.isFinite(ms) && new Date(ms).toISOString() === value;
  check(isReal, name, value, 'RFC 3339 UTC with milliseconds');
}

function isText(value: Json | undefined, most: number): boolean {
  return typeof value === 'string' && hasLength(value, 1, most);
}
