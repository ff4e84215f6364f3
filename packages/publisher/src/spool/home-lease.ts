/**
 * Keeps a publisher's home, its own directory within `spoolDir`, while the publisher lives. Opens it when it is first
 * needed, renews its lock, and notices when another publisher took it over because this process was stopped for too
 * long.
 */
import { LOCK_RENEW_MS } from '../directory/directory-lock.ts';
import type { DiskTrouble } from './disk-trouble.ts';
import { openHome, type SpoolHome } from './spool-home.ts';

export interface HomeLease {
  /** The home, made when there is none. @throws whatever the file system throws */
  open(): SpoolHome;
  /** Call it before a write. Another publisher that took the home removes it: what is written there later is lost. */
  check(): void;
  /** Gives the home up. The next publisher delivers what is left in it. */
  release(): void;
}

export interface HomeLeaseOptions {
  readonly dir: string;
  readonly bootId: string;
  readonly trouble: DiskTrouble;
  /** Another publisher delivers what is in the home. The next `open` makes another one. */
  takenOver(): void;
  /** Called with each renewal. */
  renewed(): void;
}

export function createHomeLease({ dir, bootId, trouble, takenOver, renewed }: HomeLeaseOptions): HomeLease {
  let home: SpoolHome | null = null;
  let renewal: NodeJS.Timeout | undefined;

  const look = (at: (held: SpoolHome) => void): void => {
    try {
      if (home) at(home);
    } catch (error) {
      clearInterval(renewal);
      home = null;
      takenOver();
      trouble.failed('its directory was taken over', error);
    }
  };

  return {
    open() {
      if (home) return home;
      home = openHome(dir, bootId);
      renewal = setInterval(() => {
        look((held) => held.renew());
        renewed();
      }, LOCK_RENEW_MS).unref();
      return home;
    },
    check: () => look((held) => held.check()),
    release() {
      clearInterval(renewal);
      try {
        home?.release();
      } catch (error) {
        trouble.failed(`leaving ${dir}`, error);
      }
      home = null;
    },
  };
}
