/** `verifications.start` and `verifications.get`. */
import type { Input } from '@waybill/schema/api';
import { ConsumerError } from '../errors.ts';
import { readHead } from '../ledger/chain-head.ts';
import type { Asked, WholeAnswer } from './reader.ts';
import { noOrganization } from './sight.ts';
import type { Job } from './verification-jobs.ts';
import { jsonAnswer } from './whole-answer.ts';
import { withinTime } from './within-time.ts';

export async function startVerification(asked: Asked<Input<'verifications.start'>>): Promise<WholeAnswer> {
  const { reader, input } = asked;
  const { nc, settings, limits, slots, verifications } = reader;
  const head = await withinTime(limits.queryMs, slots.take('query'), readHead(nc, settings, input.orgid));
  if (head === null) throw noOrganization(input.orgid);
  return jobAnswer(asked, verifications.start(input.orgid));
}

export async function getVerification(asked: Asked<Input<'verifications.get'>>): Promise<WholeAnswer> {
  const { reader, input } = asked;
  const job = reader.verifications.get(input.id);
  if (job && job.orgid === input.orgid) return jobAnswer(asked, job);
  const what = `there is no verification ${input.id} of ${input.orgid}: this reader has forgotten it, or never had it`;
  throw new ConsumerError('NOT_FOUND', what);
}

function jobAnswer({ principal }: Asked<unknown>, job: Job): WholeAnswer {
  const report = job.report && (principal.organizations === 'all' ? job.report : reportOfOne(job.orgid, job.report));
  return jsonAnswer({ ...job, ...(report && { report }) }, { orgids: [job.orgid], items: report ? 1 : 0 });
}

type Report = NonNullable<Job['report']>;

/**
 * What somebody may read who sees one organization only: `_system` accounts for everybody's rejected messages. Its
 * verdict counts, and what it has does not show.
 */
function reportOfOne(orgid: string, report: Report): Report {
  const chains = report.chains.filter((chain) => chain.orgid === orgid);
  const entries = chains.reduce((sum, chain) => sum + chain.entries, 0);
  return {
    ...report,
    chains,
    ledger: { ...report.ledger, entries },
    audit: { ...report.audit, problems: report.audit.problems.filter(({ kind }) => kind !== 'misjudged') },
  };
}
