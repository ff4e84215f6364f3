import { type Input, type OperationName, OPERATIONS } from '@waybill/schema/api';
import { closest } from '@waybill/schema/internal';
import { ConsumerError } from '../errors.ts';

/**
 * The input of an operation in its shape.
 *
 * @throws ConsumerError BAD_ARGUMENT naming the member, and for an unknown one the nearest known one
 */
export function checkInput<Name extends OperationName>(
  name: Name,
  given: Readonly<Record<string, string>>,
): Input<Name> {
  const { input } = OPERATIONS[name];
  const known = Object.keys(input.shape);
  for (const member of Object.keys(given)) if (!known.includes(member)) throw unknownMember(name, member, known);
  const result = input.safeParse(given);
  if (result.success) return result.data as Input<Name>;
  const [issue] = result.error.issues;
  const member = String(issue?.path[0]);
  const value = given[member];
  const shown = value === undefined ? 'missing' : JSON.stringify(value.slice(0, MAX_SHOWN));
  const expected =
    issue?.code === 'invalid_value' ? `expected one of ${issue.values.join(', ')}` : (issue?.message ?? 'invalid');
  throw new ConsumerError('BAD_ARGUMENT', `${member} is ${shown}: ${expected}`);
}

const MAX_SHOWN = 128;

function unknownMember(name: OperationName, member: string, known: readonly string[]): ConsumerError {
  const shown = JSON.stringify(member.slice(0, MAX_SHOWN));
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[-_]/g, '');
  const near =
    known.find((one) => plain(one) === plain(member)) ??
    closest(member, known, Math.min(3, Math.floor(member.length / 2)));
  const rest = known.length === 0 ? `${name} has no parameters` : `expected ${known.join(', ')}`;
  return new ConsumerError(
    'BAD_ARGUMENT',
    `${shown} is no parameter of ${name}: ${near === null ? rest : `did you mean ${near}?`}`,
  );
}
