/**
 * `producer` and `producerseq` of events: a counter for each boot id and organization, starting at 1. The number of an
 * event that is dropped is missing in the chain, which proves the loss.
 */
export interface Numbering {
  /** The boot id of the number that was taken last. */
  readonly producer: string;
  take(orgid: string): number;
  /** Whether the organization has numbers under the present boot id. */
  has(orgid: string): boolean;
  /** The organizations with numbers under the present boot id. Take no number of another one meanwhile. */
  organizations(): Iterator<string>;
}

/**
 * Bounds the memory of the counters to about 10 MB. A single counter cannot be forgotten: an organization that starts
 * again at 1 would look like a replay. So beyond this many organizations all counters start again, under a new boot id.
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
    organizations: () => counters.keys(),
  };
}
