/** Verifications as jobs. Their result is that of `verifyLedger` of `@waybill/consumer`. */
import * as z from 'zod';
import { VERDICTS } from '../verify/verdict.ts';
import { Problem } from './api-error.ts';
import { Decimal, Instant, Orgid, Totals } from './value-shape.ts';

const Verdict = z.enum(VERDICTS).meta({ id: 'Verdict', description: 'From best to worst.' });

const Scope = z.array(
  z.object({ what: z.string().describe('What it is about.'), count: z.int().describe('How many of it.') }),
);
const CHECKED = Scope.describe('What the verdict covers.');
const NOT_CHECKED = Scope.describe('What it does not cover.');
const Head = z.object({ seq: z.int().describe('Its number.'), hash: z.string().describe('Its hash.') });
const producer = z.string().describe('The boot id of the publisher.');

const ChainReport = z
  .object({
    verdict: Verdict,
    orgid: z.string().nullable().describe('The chain; null when nothing could be read.'),
    entries: z.int().describe('Entries that were verified.'),
    first: Head.nullable().describe('The first verified entry.'),
    last: Head.nullable().describe('The last one.'),
    totals: Totals.describe('Sums up to the last verified entry.'),
    problem: z
      .object({
        seq: z.int().describe('The first entry that is wrong.'),
        detail: z.string().describe('What is wrong.'),
      })
      .nullable()
      .describe('Where the chain is wrong; null: nowhere.'),
    erased: z.int().describe('Entries whose event was erased.'),
    repeated: z.int().describe('Events that were chained a second time.'),
    holes: z
      .array(
        z.object({
          producer,
          first: z.int().describe('The first number that is missing.'),
          last: z.int().describe('The last one.'),
        }),
      )
      .describe('Numbers that a publisher gave and the chain lacks; at most 100 ranges.'),
    missing: Decimal.describe('How many such numbers there are.'),
    open: z
      .array(
        z.object({
          producer,
          last: z.int().describe('Its highest number.'),
          received: z.string().describe('When that event was received.'),
        }),
      )
      .describe('Publishers that have not said that they closed; at most 100, the latest first.'),
    open_count: z.int().describe('How many there are.'),
    checked: CHECKED,
    not_checked: NOT_CHECKED,
    receipts: z
      .object({
        verified: z.int().describe('Signed by a known key.'),
        unknown: z.int().describe('Signed by another key.'),
        unsigned: z.int().describe('Without a signature.'),
        foreign: z.int().describe('Of a dialect that has no signatures.'),
      })
      .optional()
      .describe('Signatures, when keys were given.'),
  })
  .meta({ id: 'ChainReport', description: 'What was found in one chain.' });

const AuditProblem = z.object({
  seq: z.int().describe('The number of the message.'),
  index: z.int().optional().describe("The event's place in a message of several."),
  kind: z.enum(['not_chained', 'altered', 'misjudged', 'unbacked']).describe('What is wrong.'),
  verdict: z.enum(['tampered', 'incomplete']).describe('What that makes of the ledger.'),
  detail: z.string().describe('The same for people.'),
});

const VerifyReport = z
  .object({
    verdict: Verdict.describe('The worst of all verdicts below.'),
    chains: z.array(ChainReport).describe('The organization, and `_system`, which accounts for what is no event.'),
    ledger: z
      .object({
        stream: z.string().describe('Its name.'),
        last_seq: z.int().describe('Its last position.'),
        entries: z.int().describe('Entries that were verified.'),
        watermark: z.int().describe('The ledger claims to have every message up to this one.'),
        problems: z.array(z.string()).describe('What is wrong with the stream as such.'),
      })
      .describe('The stream of blocks.'),
    audit: z
      .object({
        stream: z.string().describe('Its name.'),
        epoch: z.int().describe('Which life of a stream that others own; 0 for a stream of our own.'),
        earlier: z.int().describe('Entries of earlier lives, whose streams are gone.'),
        from: z.int().describe('The first message that was compared.'),
        to: z.int().describe('The last one.'),
        compared: z.int().describe('How many were compared.'),
        behind: z.int().describe('Messages that are in no chain yet.'),
        problems: z.array(AuditProblem).describe('At most 100 of them.'),
        problem_count: z.int().describe('How many there are.'),
        checked: CHECKED,
        not_checked: NOT_CHECKED,
      })
      .describe('The comparison with the stream of events.'),
    checked: CHECKED,
    not_checked: NOT_CHECKED,
  })
  .meta({ id: 'VerifyReport', description: 'What a verification found, as `waybill verify --json` prints it.' });

export const VerificationsStartInput = z.object({ orgid: Orgid });

export const VerificationsGetInput = z.object({
  orgid: Orgid,
  id: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/)
    .meta({
      description: 'The verification, as its start named it.',
      examples: ['0197f3a2-6f6c-7a10-9a58-3f6a1de1b9c4'],
    }),
});

export const Verification = z
  .object({
    id: z.string().describe('Names the verification. Only this reader knows it, for an hour after its end.'),
    orgid: z.string().describe('The organization.'),
    state: z.enum(['running', 'done', 'failed']).describe('`done`: there is a report, whatever its verdict.'),
    started: Instant.describe('When it began.'),
    ended: Instant.optional().describe('When it ended.'),
    progress: z
      .object({
        phase: z.enum(['waiting', 'ledger', 'audit']).describe('Which stream is being read.'),
        done: Decimal.describe('Position in that stream.'),
        total: Decimal.describe('Its last position.'),
      })
      .describe('How far it is.'),
    report: VerifyReport.optional().describe('When done.'),
    problem: Problem.optional().describe('When failed.'),
  })
  .meta({ id: 'Verification', description: 'A verification of one organization, running or ended.' });
