import { outside } from '../context.ts';
import type { Delivery } from '../delivery/delivery.ts';
import type { Settings } from '../options.ts';
import type { PendingEvent } from '../pending-event.ts';
import type { MemoryBounds } from './memory-bounds.ts';
import type { Settlement } from './settlement.ts';
import type { Staging } from './staging.ts';

export interface AdmissionOptions {
  readonly settings: Pick<Settings, 'criticalTypes' | 'criticalShare' | 'whenFull'>;
  readonly memory: MemoryBounds;
  readonly staging: Staging;
  readonly delivery: Pick<Delivery, 'dropOldest'>;
  readonly settlement: Settlement;
}

/** Decides whether a new event gets a place in memory, and which event gives way. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #critical: ReadonlySet<string>;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#critical = new Set(options.settings.criticalTypes);
  }

  /**
   * Makes room for an event: on disk, where there is room, or by dropping an older event if the service wants that.
   *
   * @returns whether there is room now
   */
  makeRoom(type: string, bytes: number): boolean {
    const { settings, memory, staging } = this.#options;
    const isCritical = this.#critical.size > 0 && this.#critical.has(type);
    const share = isCritical || this.#critical.size === 0 ? 1 : 1 - settings.criticalShare;
    while (!memory.hasRoom(bytes, share)) {
      if (outside(() => staging.makeRoom())) continue;
      if (settings.whenFull === 'drop-newest' || !this.#dropOldest(isCritical)) return false;
    }
    return true;
  }

  #dropOldest(forCritical: boolean): boolean {
    const { delivery, staging, settlement } = this.#options;
    const keep = (event: PendingEvent): boolean => event.adopted || (this.#critical.has(event.type) && !forCritical);
    const oldest = delivery.dropOldest(keep) ?? staging.dropOldest(keep);
    if (oldest === undefined) return false;
    settlement.dropped(oldest, { reason: 'queue_full', detail: 'a newer event took its place' });
    return true;
  }
}
