/** Values that questions and answers have in common. Each shape's description goes into the OpenAPI document. */
import * as z from 'zod';
import { ORGID_PATTERN, SYSTEM_CHAIN, UNATTRIBUTED_CHAIN } from '../event/subject.ts';
import { DECIMAL_PATTERN } from '../ledger/volume.ts';

const CHAIN_PATTERN = new RegExp(`^(?:${ORGID_PATTERN.source.slice(1, -1)}|${SYSTEM_CHAIN}|${UNATTRIBUTED_CHAIN})$`);

/** Decimal strings, from the hash to the page: the bytes of a busy organization exceed 2^53. */
export const Decimal = z
  .string()
  .regex(DECIMAL_PATTERN)
  .meta({ id: 'Decimal', description: 'A whole number as a decimal string.', examples: ['1073741824'] });

export const Hash = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .meta({ id: 'Hash', description: 'SHA-256, in hexadecimal.', examples: ['0'.repeat(64)] });

/** Of an answer. */
export const Instant = z
  .string()
  .regex(/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/)
  .meta({ id: 'Instant', description: 'RFC 3339, UTC, milliseconds.', examples: ['2026-11-01T00:00:00.000Z'] });

/** An organization, in a question. */
export const Orgid = z
  .string()
  .regex(CHAIN_PATTERN, `expected ${ORGID_PATTERN.source}, ${SYSTEM_CHAIN} or ${UNATTRIBUTED_CHAIN}`)
  .meta({
    description:
      'The organization. Where entries, heads or verifications are asked for, who may see all organizations may also name `_system` and `_unattributed`.',
    examples: ['acme'],
  });

/** A number in a question. */
export const WholeNumber = z.string().regex(/^(?:0|[1-9][0-9]{0,14})$/, 'expected a whole number, at most 15 digits');

export const Limit = z
  .string()
  .regex(/^(?:[1-9][0-9]{0,2}|1000)$/, 'expected a whole number from 1 to 1000')
  .optional()
  .meta({ description: 'The most items in one answer, 1 to 1000. Default: 100.', examples: ['100'] });

export const Flag = z.enum(['true', 'false']);

/** The first or the last entry of something. */
export const Place = z
  .object({ seq: Decimal.describe('The number of the entry in its chain.'), hash: Hash.describe('Its hash.') })
  .meta({ id: 'Place', description: 'An entry of a chain, named by its number and its hash.' });

const Tally = z
  .object({
    count: Decimal.describe('How many, those of unknown size included.'),
    bytes: Decimal.describe('The sum of the known sizes.'),
    unknown: Decimal.describe('How many have an unknown size. No sum of bytes includes them.'),
  })
  .meta({ id: 'Tally', description: 'Sums of one kind of transfer.' });

export const Totals = z
  .object({
    events: Decimal.describe('All events, transfers or not.'),
    uploads: Tally.describe('What was uploaded.'),
    downloads: Tally.describe('What was downloaded.'),
    deduplicated: Tally.describe('What did not have to be uploaded.'),
  })
  .meta({ id: 'Totals', description: 'Sums over events.' });
