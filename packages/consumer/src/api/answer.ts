import { type Input, type OperationName, OPERATIONS } from '@waybill/schema/api';
import { ConsumerError } from '../errors.ts';
import { getBill, streamBills } from './bill-answers.ts';
import { checkInput } from './check-input.ts';
import { getEntry, listEntries } from './entry-answers.ts';
import { getHead, listHeads } from './organization-answers.ts';
import { problemOf } from './problem.ts';
import type { Answer, Asked, Question, Reader } from './reader.ts';
import { maySee, noOrganization } from './sight.ts';
import { getStatus } from './status-answer.ts';
import { getUsage, getUsageOfAll } from './usage-answers.ts';
import { getVerification, startVerification } from './verification-answers.ts';

const HANDLERS: { readonly [Name in OperationName]: (asked: Asked<Input<Name>>) => Promise<Answer> } = {
  'organizations.list': listHeads,
  'organizations.get': getHead,
  'usage.get': getUsage,
  'usage.all': getUsageOfAll,
  'bills.get': getBill,
  'bills.all': streamBills,
  'entries.list': listEntries,
  'entries.get': getEntry,
  'verifications.start': startVerification,
  'verifications.get': getVerification,
  'status.get': getStatus,
};

/**
 * Answers one question, whatever transport it came by. In this order: may the principal ask this at all, does the
 * question make sense, may it see the organization; and only then anything is read.
 *
 * @throws ConsumerError with a code of `API_ERRORS`, and what `problemOf` makes one of
 */
export async function answer(reader: Reader, question: Question): Promise<Answer> {
  const { operation, principal } = question;
  const began = performance.now();
  const note = (code: string): void => reader.onAnswer({ operation, code, ms: performance.now() - began });
  try {
    const found = await find(reader, question);
    if (found.kind === 'whole' && found.read && found.read.items > 0)
      reader.access.noteRead({ principal, operation, ...found.read });
    note('OK');
    return found;
  } catch (error) {
    note(problemOf(error).code);
    throw error;
  }
}

async function find(reader: Reader, question: Question): Promise<Answer> {
  const { operation, principal, signal } = question;
  const { scope, http } = OPERATIONS[operation];
  if (!principal.scopes.has(scope))
    throw new ConsumerError('FORBIDDEN', `${operation} needs the scope ${scope}, which ${principal.id} does not have`);
  const input = checkInput(operation, question.input);
  if ('orgid' in input && !maySee(principal, input.orgid)) throw noOrganization(input.orgid);
  const form = question.form ?? http.forms[0];
  // The handler is that of the operation, and the input has its shape: the compiler cannot see that they belong together.
  const handle = HANDLERS[operation] as (asked: Asked<unknown>) => Promise<Answer>;
  return handle({ reader, input, principal, form, signal });
}
