/**
 * The name that somebody probably meant: the one that needs the fewest changes of letters. null: all need more than
 * `limit`.
 */
export function closest(name: string, names: readonly string[], limit: number): string | null {
  let best: string | null = null;
  let least = limit + 1;
  for (const candidate of names) {
    const changes = distance(name, candidate);
    if (changes < least) {
      best = candidate;
      least = changes;
    }
  }
  return best;
}

/** Levenshtein distance: the number of letters inserted, removed or replaced. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
