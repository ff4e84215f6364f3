/** Of rounds, which a machine with other work disturbs now and then. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}
