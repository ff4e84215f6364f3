/** The options of a command line, as a command asks for them. */
import { VerifyError } from '../errors.ts';

export interface Values {
  text(name: string): string | undefined;
  all(name: string): string[];
  flag(name: string): boolean;
}

/** The value of an option that is a whole number from 0. @throws VerifyError BAD_ARGUMENT */
export function wholeNumber(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 0) return value;
  throw new VerifyError('BAD_ARGUMENT', `--${name} is ${JSON.stringify(text)}: expected a whole number`);
}
