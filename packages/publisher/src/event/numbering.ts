/**
 * `producer` and `producerseq` of events: a counter per boot id and organization, starting at 1. Whoever
 * has taken a number and is then dropped leaves a hole, which proves the loss.
 */
export interface Numbering {
  /** The boot id that the number just taken belongs to. */
  readonly producer: string;
  take(orgid: string): number;
  /** Whether the present boot id has numbers of it. */
  has(orgid: string): boolean;
}

/**
 * Counters cannot be forgotten one by one: an organization that started again at 1 would look like a replay. Past
 * this many organizations all start again, under a new boot id; so memory stays bounded (about 10 MB).
 */
const MAX_ORGANIZATIONS = 100_000;

export function createNumbering(bootId: string, maxOrganizations = MAX_ORGANIZATIONS): Numbering {
  const counters = new Map<string, { taken: number }>();
  let producer = bootId;
  let renewals = 0;

  return {
    get producer() {
      return producer;
    },
    take(orgid) {
      const counter = counters.get(orgid);
      if (counter) return ++counter.taken;
      if (counters.size >= maxOrganizations) {
        counters.clear();
        producer = `${bootId}-${++renewals}`;
      }
      counters.set(orgid, { taken: 1 });
      return 1;
    },
    has: (orgid) => counters.has(orgid),
  };
}
