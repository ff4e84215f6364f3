/** Organizations and the state of the reader. */
import * as z from 'zod';
import { Decimal, Hash, Instant, Limit, Orgid, Totals } from './value-shape.ts';

export const OrganizationsListInput = z.object({
  after: Orgid.optional().meta({
    description: 'Only organizations that sort after this one: `next` of the page before.',
    examples: ['acme'],
  }),
  limit: Limit,
});

export const OrganizationsGetInput = z.object({ orgid: Orgid });

export const Organization = z
  .object({
    orgid: z.string().describe('The organization.'),
    seq: Decimal.describe('Entries in its chain.'),
    hash: Hash.describe('The hash of the newest one. Keep it: it shows later whether the chain was cut or rewritten.'),
    received: Instant.describe('When the newest event was received.'),
    totals: Totals.describe('Sums over the whole chain.'),
  })
  .meta({ id: 'Organization', description: 'An organization that has a chain, and where the chain stands.' });

export const OrganizationPage = z
  .object({
    organizations: z.array(Organization).describe('By name.'),
    next: z.string().optional().describe('Give it as `after`, and more follow. Absent when there are none.'),
  })
  .meta({ id: 'OrganizationPage', description: 'Organizations that have a chain.' });

export const StatusGetInput = z.object({});

export const ReaderStatus = z
  .object({
    version: z.string().describe('Version of Waybill.'),
    role: z.enum(['all', 'reader']).describe('What the service does besides answering.'),
    tz: z.string().describe('Version of its time zone database.'),
    position: Decimal.describe('The last position of the ledger stream.'),
    watermark: Decimal.describe('Every message of the stream of events up to this one is in the ledger.'),
    behind: Decimal.describe('Messages of the stream of events that are not in the ledger yet.'),
  })
  .meta({ id: 'ReaderStatus', description: 'What answers, and how far the ledger is.' });
