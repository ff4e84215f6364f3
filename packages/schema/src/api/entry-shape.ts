/** Entries as they are stored (`docs/reference/format.md`), and questions about them. */
import * as z from 'zod';
import { VOLUME_KINDS } from '../ledger/volume.ts';
import { Decimal, Hash, Instant, Limit, Orgid, Place, Totals, WholeNumber } from './value-shape.ts';

const Volume = z
  .object({
    kind: z.enum(VOLUME_KINDS).describe('What was transferred.'),
    bytes: Decimal.nullable().describe('null: the size is unknown, or nothing was transferred.'),
    from: z.int().optional().describe('The `seq` of the earlier upload whose size was taken.'),
  })
  .meta({ id: 'Volume', description: 'The bytes of one entry.' });

export const Core = z
  .object({
    v: z.literal(1).describe('Version of the format.'),
    orgid: z.string().describe('The chain.'),
    seq: z.int().min(1).describe('1, 2, 3 … without a gap.'),
    prev_hash: Hash.describe('The hash of the entry before.'),
    received: Instant.describe('When the stream of events stored the event.'),
    source: z
      .object({
        stream: z.string().describe('The stream of events.'),
        seq: z.int().describe("The message's number there, as the ledger counts."),
        index: z.int().optional().describe("The event's place in a message of several, from 0."),
        subject: z.string().describe('The subject of the message.'),
      })
      .describe('Where the event stands in the stream of events.'),
    origin: z
      .object({
        producer: z.string().describe('The boot id of the publisher.'),
        producerseq: Decimal.describe('Its number for the event.'),
      })
      .nullable()
      .describe("Where the event stands in its publisher's own count."),
    event_hash: Hash.describe('SHA-256 of the canonical JSON of the event.'),
    volume: Volume,
    totals: Totals.describe('Sums including this entry.'),
  })
  .meta({ id: 'Core', description: 'The part of an entry that is hashed.' });

export const Entry = z
  .object({
    core: Core,
    event: z.record(z.string(), z.unknown()).nullable().describe('The event; null: it was erased.'),
    hash: Hash.describe('SHA-256 of the canonical JSON of `core`.'),
  })
  .meta({ id: 'Entry', description: 'An event in its chain, byte for byte as it is stored.' });

export const EntriesListInput = z.object({
  orgid: Orgid,
  after: WholeNumber.optional().meta({
    description:
      '`next` of the page before: only entries after this number, or before it with `order=desc`. Default: from the first, or the newest. As NDJSON and as events the answer goes on from there.',
    examples: ['100'],
  }),
  limit: Limit.meta({
    description:
      'The most entries, 1 to 1000. Default: 100; of NDJSON, all up to the head. Server-sent events have no limit.',
    examples: ['100'],
  }),
  order: z
    .enum(['asc', 'desc'])
    .optional()
    .meta({ description: '`desc`: the newest first, as JSON only. Default: `asc`.', examples: ['asc'] }),
});

export const EntryPage = z
  .object({
    orgid: z.string().describe('The chain.'),
    entries: z.array(Entry).describe('In the order that was asked for. Empty when there are no more, for now.'),
    next: Decimal.describe('Give it as `after` to go on. An empty page keeps its cursor.'),
    head: Place.describe('The newest entry of the chain when the page was read.'),
  })
  .meta({ id: 'EntryPage', description: 'Entries of one chain.' });

export const EntriesGetInput = z.object({
  orgid: Orgid,
  seq: z
    .string()
    .regex(/^[1-9][0-9]{0,14}$/, 'expected a whole number from 1, at most 15 digits')
    .meta({ description: 'The number of the entry in its chain.', examples: ['1'] }),
});
