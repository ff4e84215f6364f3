/** Bills (`docs/reference/format.md` §14), and questions for them. */
import * as z from 'zod';
import { Problem } from './api-error.ts';
import { Core } from './entry-shape.ts';
import { PeriodInput } from './usage-shape.ts';
import { Decimal, Instant, Orgid, Totals } from './value-shape.ts';

export const BillsGetInput = PeriodInput.extend({ orgid: Orgid });

export const BillsAllInput = PeriodInput.extend({
  organizations: z
    .string()
    .max(8_192)
    .optional()
    .meta({
      description: 'Only these, separated by commas. Default: all that may be seen.',
      examples: ['acme,umbrella'],
    }),
  after: Orgid.optional().meta({
    description: 'Only organizations that sort after this one: that of the last bill that arrived.',
    examples: ['acme'],
  }),
});

const Completeness = z
  .object({
    unknown: Decimal.describe('Transfers of the window whose size is not known.'),
    missing: Decimal.describe('Events that their publisher numbered and that the chain lacks, since its beginning.'),
    open: z
      .object({
        count: Decimal.describe('How many.'),
        publishers: z
          .array(
            z.object({
              producer: z.string().describe('The boot id.'),
              last: Decimal.describe('Its highest number in the chain.'),
              received: Instant.describe('When that event was received.'),
            }),
          )
          .describe('At most 100, those heard of last first.'),
      })
      .describe('Publishers whose last event does not say that they closed.'),
    duplicates: Decimal.describe('Events of the window that came again. They are counted once.'),
    beyond_window: Decimal.describe('Events of which nobody knows whether they came before. They are not counted.'),
    rejected: Decimal.describe('Messages of the window that are no events, and name this organization or none.'),
    gaps: Decimal.describe('Numbers of the stream of events without a message, within the bill.'),
  })
  .describe('What may be missing, as of the end of the bill.');

const Statement = z
  .object({
    orgid: z.string().describe('Whose bill this is.'),
    period: z.string().optional().describe('The period as it was asked for. Absent for `from` and `to`.'),
    zone: z.string().describe('IANA name of the time zone.'),
    tz: z.string().describe('Version of the time zone database that placed the cuts.'),
    from: Instant.describe('Inclusive: the first cut.'),
    to: Instant.describe('Exclusive: the last cut.'),
    issued_by: z.string().describe('Who issues the bill.'),
    usage: Totals.describe('The sum of the lines.'),
    cuts: z
      .array(
        z.object({
          at: Instant.describe('The moment.'),
          before: Core.nullable().describe("The core of the chain's last entry received before it; null: none."),
        }),
      )
      .describe('Ascending.'),
    lines: z
      .array(Totals.extend({ from: Instant.describe('Inclusive.'), to: Instant.describe('Exclusive.') }))
      .describe('What was used between neighbouring cuts.'),
    completeness: Completeness,
  })
  .meta({ id: 'BillStatement', description: 'What the bill states. The same question has the same one for ever.' });

export const Bill = z
  .object({
    v: z.literal(1).describe('Version of the format.'),
    kind: z.literal('bill').describe('What the file is.'),
    statement: Statement,
    anchors: z
      .looseObject({
        after: z
          .array(Core.nullable())
          .optional()
          .describe('For each cut the core of the entry after `before`; null: the chain had not gone on.'),
        watermark: z.int().optional().describe('Every message of the stream of events up to here was in the ledger.'),
      })
      .describe('What shows that nothing lies between. They may grow after the bill was made.'),
    keyid: z.string().optional().describe('Names the key of `signature`.'),
    signature: z.string().optional().describe('Ed25519 over the canonical JSON of `statement`, base64.'),
  })
  .meta({ id: 'Bill', description: 'A bill, as `waybill verify --bill` checks it.' });

/** The last line of a sequence. One that has none was cut off. */
const ClosingLine = z
  .union([
    z.object({
      end: z.literal(true).describe('These are all.'),
      count: Decimal.describe('How many lines came before.'),
    }),
    z.object({
      end: z.literal(false).describe('The reader failed.'),
      count: Decimal.describe('How many lines came before.'),
      problem: Problem,
    }),
  ])
  .meta({
    id: 'ClosingLine',
    description: 'The last line. Without it the answer was cut off; with `end: false` the reader failed in the middle.',
  });

export const BillLine = z
  .union([Bill, ClosingLine])
  .meta({ id: 'BillLine', description: 'A bill for each organization, by name; and then one closing line.' });
