/** Takes over what dead publishers left in a spool's directory, and tells what it found there. */
import type { DiskTrouble } from './disk-trouble.ts';
import type { HomeLease } from './home-lease.ts';
import type { AdoptedHomes } from './spool-home.ts';

export interface HomeAdoptionOptions {
  readonly dir: string;
  readonly lease: HomeLease;
  readonly trouble: DiskTrouble;
  /** Paths in the directory that are not ours, and are left alone. */
  strangers(paths: readonly string[]): void;
  /** A home of a dead publisher could not be taken over at this time. */
  notAdopted(home: string, error: unknown): void;
}

/**
 * @returns moves the segments of the dead into our home: their paths in order, or null when the disk does not let us
 */
export function createHomeAdoption(options: HomeAdoptionOptions): () => readonly string[] | null {
  const { dir, lease, trouble } = options;
  const tell = createFindings(options);
  return () => {
    try {
      const found = lease.open().adopt();
      trouble.clear();
      tell(found);
      return found.segments;
    } catch (error) {
      trouble.failed(`opening ${dir}`, error);
      return null;
    }
  };
}

/**
 * In a directory that is shared, new names may come all the time. Files of others beside the homes are therefore told
 * after the first look only, and each home that could not be taken over is told once.
 */
function createFindings({ strangers, notAdopted }: HomeAdoptionOptions): (found: AdoptedHomes) => void {
  let isFirst = true;
  const told = new Set<string>();
  return (found) => {
    const untold = isFirst ? [...found.strangers, ...found.strangersWithin] : found.strangersWithin;
    isFirst = false;
    if (untold.length > 0) strangers(untold);
    for (const { home, error } of found.failures) {
      if (!told.has(home)) notAdopted(home, error);
      told.add(home);
    }
  };
}
