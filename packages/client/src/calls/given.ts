import type { Input, OperationName } from '@waybill/schema/api';
import { ClientError } from '../error.ts';

/** Questions are texts, as in a query string. Numbers, booleans and lists are written as such. */
type Loose<T> = {
  readonly [K in keyof T]:
    | T[K]
    | (string extends NonNullable<T[K]> ? number : 'true' extends NonNullable<T[K]> ? boolean : never)
    | (K extends 'organizations' ? readonly string[] : never);
};

/** What a call takes. */
export type Given<Name extends OperationName> = Loose<Input<Name>>;
/** The same for what comes in pages that the client follows. `after` says where to begin. */
export type GivenList<Name extends OperationName> = Loose<Omit<Input<Name>, 'limit'>>;

/** @throws ClientError BAD_ARGUMENT for what cannot be written as a text */
export function textsOf(given: object): Record<string, string> {
  const entries = Object.entries(given as Record<string, unknown>).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries.map(([name, value]) => [name, textOf(name, value)]));
}

function textOf(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean' || Number.isSafeInteger(value)) return String(value);
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value.join(',');
  throw new ClientError('BAD_ARGUMENT', `${name} is of type ${typeof value}: expected a text, or a whole number`);
}
