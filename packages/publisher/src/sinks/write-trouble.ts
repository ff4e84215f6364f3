/** Why a file sink cannot write at present: to its directory, or to the file of one organization. */
import type { Reporter } from '../reporter.ts';

/** An organization, or all of them. */
type Place = string | typeof DIRECTORY;

export const DIRECTORY = Symbol('directory');

export interface WriteTrouble {
  /** Events wait because of this; the log is told when the reason changes. */
  begin(place: Place, reason: string): void;
  /** What stood in the way is known to be over, or is not waited for any more. */
  forget(place: Place): void;
  /** Events of the organization were written, so the directory is fine too. The log is told once nothing is wrong. */
  end(orgid: string): void;
  /** `what`, and the reason if there is one. */
  explain(what: string): string;
}

export function createWriteTrouble(reporter: Reporter): WriteTrouble {
  const reasons = new Map<Place, string>();
  return {
    begin(place, reason) {
      reasons.set(place, reason);
      reporter.degraded(reason);
    },
    forget: (place) => void reasons.delete(place),
    end(orgid) {
      if (reasons.size === 0) return;
      reasons.delete(orgid);
      reasons.delete(DIRECTORY);
      if (reasons.size === 0) reporter.written();
    },
    explain(what) {
      const [reason] = reasons.values();
      return reason === undefined ? what : `${what}: ${reason}`;
    },
  };
}
