/** Checks of the shape of parsed JSON, with the same rules and words for entries and for trailers. */
import { SchemaError, type SchemaErrorCode, show } from '../error.ts';
import { PRODUCER_PATTERN } from '../event/origin.ts';
import { isChainName } from '../event/subject.ts';
import { HASH_PATTERN } from '../hash.ts';
import { isJsonObject, type Json, type JsonObject } from '../json/json.ts';
import { DECIMAL_PATTERN, TALLIES } from './volume.ts';

export interface ShapeCheck {
  /** @throws SchemaError unless the value is an object with exactly these members */
  only(value: Json | undefined, name: string, members: readonly string[]): JsonObject;
  /** @throws SchemaError naming the value and what is expected, unless `ok` */
  check(ok: boolean, name: string, value: unknown, expected: string): void;
  /** @param totals an object whose members are those of `Totals` */
  checkTotals(totals: JsonObject): void;
}

/**
 * @param code of the errors
 * @param prefix before the names of members in errors
 */
export function createShapeCheck(code: SchemaErrorCode, prefix = ''): ShapeCheck {
  function only(value: Json | undefined, name: string, members: readonly string[]): JsonObject {
    if (!isJsonObject(value)) throw new SchemaError(code, `${name} is ${show(value)}: expected an object`);
    for (const member of members) {
      if (!Object.hasOwn(value, member)) throw new SchemaError(code, `${name} has no ${member}`);
    }
    const strange = Object.keys(value).find((member) => !members.includes(member));
    if (strange !== undefined) throw new SchemaError(code, `${name} has the unknown member ${show(strange)}`);
    return value;
  }

  function check(ok: boolean, name: string, value: unknown, expected: string): void {
    if (!ok) throw new SchemaError(code, `${prefix}${name} is ${show(value)}: expected ${expected}`);
  }

  function checkTotals(totals: JsonObject): void {
    check(isDecimal(totals['events']), 'totals.events', totals['events'], 'a decimal string');
    for (const name of TALLIES) {
      const parts = ['count', 'bytes', 'unknown'];
      const tally = only(totals[name], `totals.${name}`, parts);
      for (const part of parts) {
        check(isDecimal(tally[part]), `totals.${name}.${part}`, tally[part], 'a decimal string');
      }
    }
  }

  return { only, check, checkTotals };
}

export const TOTALS_MEMBERS: readonly string[] = ['events', ...TALLIES];

/** An integer from 1 to 2^53-1. */
export function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

export function isDecimal(value: unknown): boolean {
  return typeof value === 'string' && DECIMAL_PATTERN.test(value);
}

export function isHash(value: unknown): boolean {
  return typeof value === 'string' && HASH_PATTERN.test(value);
}

/** A publisher's boot id. */
export function isProducer(value: unknown): boolean {
  return typeof value === 'string' && PRODUCER_PATTERN.test(value);
}

/** The name of a chain. */
export function isOrgid(value: unknown): boolean {
  return typeof value === 'string' && isChainName(value);
}
