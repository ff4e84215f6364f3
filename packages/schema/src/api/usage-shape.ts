/** Questions about usage and their answers: those of `usage` and `usageOfAll` of `@waybill/consumer`. */
import * as z from 'zod';
import { Flag, Instant, Limit, Orgid, Place, Totals } from './value-shape.ts';

const ZONES = 'RFC 3339 with an offset, or a date or date-time in `zone`';

const Step = z.enum(['hour', 'day', 'week', 'month']);

/** Which time is meant. Bills ask for it as well. */
export const PeriodInput = z.object({
  from: z
    .string()
    .optional()
    .meta({ description: `The first moment that counts: ${ZONES}.`, examples: ['2026-11-01'] }),
  to: z
    .string()
    .optional()
    .meta({ description: `The first moment that no longer counts: ${ZONES}.`, examples: ['2026-12-01'] }),
  period: z
    .string()
    .optional()
    .meta({
      description:
        'Instead of `from` and `to`: a month (`2026-11`), year (`2026`), ISO week (`2026-W48`) or day (`2026-11-30`) of the calendar of `zone`.',
      examples: ['2026-11'],
    }),
  zone: z
    .string()
    .optional()
    .meta({
      description: 'Time zone of the IANA database, for local times and windows. Default: UTC.',
      examples: ['Europe/Berlin'],
    }),
  step: Step.optional().meta({
    description: 'Also a window for each hour, day, week (from Monday) or month of the calendar; at most 1,000.',
    examples: ['day'],
  }),
});

const UsageInput = PeriodInput.extend({
  as_of: z
    .string()
    .optional()
    .meta({
      description: '`as_of` of an earlier answer, which is repeated; or a position of the ledger stream.',
      examples: ['4711'],
    }),
  require_final: Flag.optional().meta({
    description: '`true`: an error NOT_FINAL instead of an answer that may still change.',
    examples: ['true'],
  }),
  wait: z
    .string()
    .regex(/^(?:[0-9]|[12][0-9]|30)$/, 'expected a whole number from 0 to 30')
    .optional()
    .meta({ description: 'How many seconds to wait for a final answer, 0 to 30. Default: 0.', examples: ['5'] }),
});

export const UsageGetInput = UsageInput.extend({ orgid: Orgid });

export const UsageAllInput = UsageInput.extend({
  organizations: z
    .string()
    .max(8_192)
    .optional()
    .meta({
      description: 'Only these, separated by commas. Default: all that may be seen.',
      examples: ['acme,umbrella'],
    }),
  after: Orgid.optional().meta({
    description: 'Only organizations that sort after this one: `next` of the page before.',
    examples: ['acme'],
  }),
  limit: Limit,
});

const Tallies = Totals.extend({
  boundary: z
    .object({
      from: Place.nullable().describe('The last entry received before `from`; null when there is none.'),
      to: Place.nullable().describe('The last entry received before `to`; null when there is none.'),
    })
    .describe('The entries whose totals were subtracted. Whoever has the chain can check them.'),
});

const UsageWindow = Tallies.extend({
  from: Instant.describe('The first moment of the window.'),
  to: Instant.describe('The first moment after it: that of the next window.'),
  local: z
    .string()
    .meta({ description: 'The window in the zone, for people.', examples: ['2026-11-30', '2026-W48', '2026-11'] }),
  partial: z.boolean().describe('The window of the calendar reaches beyond the question and was clipped.'),
}).meta({ id: 'UsageWindow', description: 'One window of the calendar. Its neighbours share its boundaries.' });

const FRAME = {
  from: Instant.nullable().describe('The first moment that counts; null: since the beginning.'),
  to: Instant.nullable().describe('The first moment that no longer counts; null: everything chained so far.'),
  zone: z.string().describe('IANA name of the time zone.'),
  tz: z.string().describe('Version of the time zone database that placed the bounds.'),
  step: Step.nullable().describe('The length of the windows; null: none were asked for.'),
  basis: z.literal('received').describe('The time that counts: when the stream of events stored them.'),
  final: z
    .boolean()
    .describe('Everything received before `to` is chained: the same question has the same answer for ever.'),
  pending: z.string().optional().describe('What is still to come. Absent when final.'),
  as_of: z
    .string()
    .describe(
      'What the answer is as of. Final: the head that it was taken from, `SEQ:HASH`, or `sha256:` over those of several. Else a position of the ledger stream.',
    ),
  clock_ahead: Instant.optional().describe(
    'When the entry after a boundary was received, by a clock that was ahead. Never in a final answer.',
  ),
};

export const Usage = Tallies.extend({
  orgid: z.string().describe('The organization.'),
  ...FRAME,
  windows: z
    .array(UsageWindow)
    .optional()
    .describe(
      'Only when a step was asked for: ascending, without a hole, also the empty ones. Their sum is the whole.',
    ),
}).meta({ id: 'Usage', description: 'What one organization used in `[from, to)` of received time.' });

export const UsageReport = z
  .object({
    ...FRAME,
    organizations: z.array(Usage).describe('By name. Only those that had a chain before `to`.'),
    sum: Totals.describe('The sum over these organizations.'),
    next: z
      .string()
      .optional()
      .describe('Give it as `after`, and more organizations follow. Absent when there are none.'),
  })
  .meta({ id: 'UsageReport', description: 'What several organizations used in `[from, to)` of received time.' });
