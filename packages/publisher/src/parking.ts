/**
 * Events whose subject the server's permissions do not let us publish. They wait aside, so that the others go on; one
 * of them is tried now and then, because permissions get corrected.
 */
import type { PendingEvent } from './pending-event.ts';

export interface Parking {
  readonly events: number;
  readonly subjects: readonly string[];
  has(subject: string): boolean;
  /** In the order in which they were to be sent. false: parked events have their share of the queue already. */
  park(event: PendingEvent): boolean;
  /** The first event of the subject whose turn it is to be tried, if any. */
  nextProbe(): PendingEvent | undefined;
  /** Its subject is open again: hands over what was parked for the type, in order. */
  release(type: string): PendingEvent[];
  releaseAll(): PendingEvent[];
}

/** @param maxEvents parked events must not starve those that can be sent */
export function createParking(maxEvents: number): Parking {
  // In order of turns: a subject that was tried goes to the end.
  const lanes = new Map<string, PendingEvent[]>();
  let events = 0;

  const take = (subjects: readonly string[]): PendingEvent[] => {
    const released: PendingEvent[] = [];
    for (const subject of subjects) {
      for (const event of lanes.get(subject) ?? []) released.push(event);
      lanes.delete(subject);
    }
    events -= released.length;
    return released.toSorted((a, b) => a.ordinal - b.ordinal);
  };

  return {
    get events() {
      return events;
    },
    get subjects() {
      return [...lanes.keys()];
    },
    has: (subject) => lanes.has(subject),
    park(event) {
      if (events >= maxEvents) return false;
      events++;
      const lane = lanes.get(event.subject);
      if (lane) lane.push(event);
      else lanes.set(event.subject, [event]);
      return true;
    },
    nextProbe() {
      for (const [subject, lane] of lanes) {
        lanes.delete(subject);
        lanes.set(subject, lane);
        return lane[0];
      }
      return undefined;
    },
    release: (type) => take([...lanes].filter(([, lane]) => lane[0]?.type === type).map(([subject]) => subject)),
    releaseAll: () => take([...lanes.keys()]),
  };
}
