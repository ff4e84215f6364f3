/** `npm run test:long` does the whole of what `npm test` does a part of. */
export const IS_WHOLE = process.env['TEST_WHOLE'] !== undefined;

/** Of so many cases of a property: a fifth in `npm test`, others each time; all of them in `npm run test:long`. */
export function partOf(cases: number): number {
  return IS_WHOLE ? cases : Math.ceil(cases / 5);
}
