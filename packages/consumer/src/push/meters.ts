/** What can be pushed of usage, and under which names an engine knows it. */
import { closest } from '@waybill/schema/internal';
import { ConsumerError } from '../errors.ts';
import type { Tallies } from '../usage/usage-answer.ts';

/** Bytes of unknown size are in no sum of bytes, and no meter counts them. */
export const METERS = [
  'events',
  'upload_bytes',
  'upload_count',
  'download_bytes',
  'download_count',
  'deduplicated_bytes',
  'deduplicated_count',
] as const;
export type Meter = (typeof METERS)[number];

/** The engine's name of each meter that is pushed; the others are not pushed. */
export type MeterNames = Readonly<Partial<Record<Meter, string>>>;

export const DEFAULT_METERS = {
  upload_bytes: 'waybill_upload_bytes',
  download_bytes: 'waybill_download_bytes',
} as const satisfies MeterNames;

/** No engine takes a longer one: Stripe has at most 100 characters. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$/;

const AMOUNTS: Readonly<Record<Meter, (tallies: Omit<Tallies, 'boundary'>) => string>> = {
  events: ({ events }) => events,
  upload_bytes: ({ uploads }) => uploads.bytes,
  upload_count: ({ uploads }) => uploads.count,
  download_bytes: ({ downloads }) => downloads.bytes,
  download_count: ({ downloads }) => downloads.count,
  deduplicated_bytes: ({ deduplicated }) => deduplicated.bytes,
  deduplicated_count: ({ deduplicated }) => deduplicated.count,
};

/** A decimal string. */
export function amountOf(meter: Meter, tallies: Tallies): string {
  return AMOUNTS[meter](tallies);
}

/**
 * Reads `METER` or `METER=NAME`, each a meter that is pushed.
 *
 * @returns the default meters when there is none
 * @throws ConsumerError BAD_ARGUMENT naming `option` and the rule
 */
export function parseMeters(option: string, texts: readonly string[]): MeterNames {
  const names: Partial<Record<Meter, string>> = {};
  for (const text of texts) {
    const at = text.indexOf('=');
    const given = at < 0 ? text : text.slice(0, at);
    const meter = METERS.find((one) => one === given);
    if (meter === undefined) throw badMeter(option, given);
    if (names[meter] !== undefined) throw bad(`${option} names ${meter} twice: one name for each meter`);
    names[meter] = at < 0 ? `waybill_${meter}` : text.slice(at + 1);
  }
  return checkMeters(option, texts.length === 0 ? DEFAULT_METERS : names);
}

/** @throws ConsumerError BAD_ARGUMENT naming `option` and the rule */
export function checkMeters(option: string, names: MeterNames): MeterNames {
  const taken = new Map<string, string>();
  for (const [meter, name] of Object.entries(names)) {
    if (!METERS.some((one) => one === meter)) throw badMeter(option, meter);
    if (!NAME.test(name))
      throw bad(`${option} ${meter}=${name}: expected 1 to 100 letters, digits, '.', '_', ':' or '-' as the name`);
    const other = taken.get(name);
    if (other !== undefined) throw bad(`${option} gives ${other} and ${meter} the name ${name}: it would add them up`);
    taken.set(name, meter);
  }
  if (taken.size === 0) throw bad(`${option}: expected at least one of ${METERS.join(', ')}`);
  return names;
}

function badMeter(option: string, given: string): ConsumerError {
  const meant = closest(given, METERS, 3);
  const advice = meant ? `did you mean ${meant}?` : `expected one of ${METERS.join(', ')}`;
  return bad(`${option} names ${JSON.stringify(given)}, which is no meter: ${advice}`);
}

function bad(message: string): ConsumerError {
  return new ConsumerError('BAD_ARGUMENT', message);
}
