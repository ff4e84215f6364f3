/** How durations, sizes, numbers and names are written in environment variables. Any other text is an error. */
import { SUBJECT_PREFIX_PATTERN } from '@waybill/schema/internal';
import { z } from 'zod';

const MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const BYTES = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
} as const;

/** `90d`, `36h`, `15m`, `30s`, `500ms`, or `0`. The value is in milliseconds. */
export const Duration = z.string().transform((text, context) => {
  const ms = scaled(text, MS);
  if (ms !== null) return ms;
  context.addIssue({ code: 'custom', message: 'expected a duration such as 90d, 36h, 15m, 30s or 0' });
  return z.NEVER;
});

/** `500MB`, `20GiB`, a plain number of bytes, or `0`. The value is in bytes. */
export const Size = z.string().transform((text, context) => {
  const bytes = scaled(text, { '': 1, ...BYTES });
  if (bytes !== null) return bytes;
  context.addIssue({ code: 'custom', message: 'expected a number of bytes such as 1000000, 500MB, 20GiB or 0' });
  return z.NEVER;
});

export const Integer = (min: number, max: number) =>
  z.string().transform((text, context) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    context.addIssue({ code: 'custom', message: `expected a whole number from ${min} to ${max}` });
    return z.NEVER;
  });

const STREAM_NAME = /^[A-Za-z0-9_-]{1,128}$/;
export const streamName = z.string().regex(STREAM_NAME, 'expected a stream name: letters, digits, - and _');
export const prefix = z
  .string()
  .regex(SUBJECT_PREFIX_PATTERN, 'expected subject tokens separated by dots, e.g. audit or acme.audit');
export const path = z.string();

function scaled(text: string, units: Readonly<Record<string, number>>): number | null {
  if (text === '0') return 0;
  const [, digits = '', unit = ''] = /^(\d{1,15})([A-Za-z]*)$/.exec(text) ?? [];
  if (digits === '' || !Object.hasOwn(units, unit)) return null;
  const value = Number(digits) * (units[unit] as number);
  return Number.isSafeInteger(value) ? value : null;
}
