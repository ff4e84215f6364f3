/**
 * The plan of docs/reference/scaling.md as a discrete-event simulation: events of many organizations arrive at random,
 * each goes to its organization's partition, and each partition has one writer, which commits what is waiting, up to a
 * batch.
 *
 * A commit takes `eventUs` for each event, `blockUs` for each organization among them, `loadUs` for each that the
 * writer had not met, and `commitUs` for the round trips of the commit itself. Everything random comes from a seed.
 */
import { partitionOf } from './partition.ts';

/** Microseconds of a writer's time. */
export interface Costs {
  readonly eventUs: number;
  readonly blockUs: number;
  readonly loadUs: number;
  readonly commitUs: number;
}

export interface Scenario {
  readonly costs: Costs;
  readonly partitions: number;
  readonly organizations: number;
  /** 0: all are equally busy. 1: the k-th busiest has 1/k of the first one's events. */
  readonly zipf: number;
  /** Of all organizations together. */
  readonly eventsPerSecond: number;
  readonly seconds: number;
  readonly maxBatch: number;
  readonly seed: number;
}

export interface Outcome {
  /**
   * The time that the busiest and the average writer need for what arrived, in full batches, as a share of the time in
   * which it arrived: above 1 they fall behind. (A writer that has time to spare commits small batches instead.)
   */
  readonly busiest: number;
  readonly average: number;
  /** Milliseconds from an event's arrival to the end of its commit, over all partitions. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Events of the busiest partition that were not in the ledger at the end. */
  readonly behind: number;
  readonly eventsPerBlock: number;
}

export function simulate(scenario: Scenario): Outcome {
  const { partitions, organizations, zipf, eventsPerSecond, seconds, seed } = scenario;
  const random = createRandom(seed);
  const names = Array.from({ length: organizations }, (_, i) => partitionOf(`org-${i}`, partitions));
  const pick = createPick(organizations, zipf, random);
  const arrivals = Array.from({ length: partitions }, () => ({ at: [] as number[], orgs: [] as number[] }));
  for (let at = 0; ;) {
    at -= (Math.log(1 - random()) * 1e6) / eventsPerSecond;
    if (at > seconds * 1e6) break;
    const org = pick();
    const partition = arrivals[names[org] as number] as (typeof arrivals)[number];
    partition.at.push(at);
    partition.orgs.push(org);
  }
  const writers = arrivals.map((arrived) => runWriter(arrived, scenario));
  const waits = Float64Array.from(writers.flatMap(({ waits: some }) => some)).toSorted();
  const quantile = (q: number) => (waits[Math.floor(q * waits.length)] ?? Infinity) / 1000;
  const needed = arrivals.map(
    ({ orgs }) =>
      runWriter({ at: orgs.map(() => 0), orgs }, { ...scenario, seconds: Infinity }).busyUs / (seconds * 1e6),
  );
  const sum = (of: (writer: Writer) => number) => writers.reduce((total, writer) => total + of(writer), 0);
  return {
    busiest: Math.max(...needed),
    average: needed.reduce((total, share) => total + share, 0) / partitions,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    behind: Math.max(...writers.map(({ behind }) => behind)),
    eventsPerBlock: sum(({ events }) => events) / sum(({ blocks }) => blocks),
  };
}

interface Writer {
  busyUs: number;
  events: number;
  blocks: number;
  behind: number;
  readonly waits: number[];
}

function runWriter({ at, orgs }: { at: number[]; orgs: number[] }, { costs, maxBatch, seconds }: Scenario): Writer {
  const end = seconds * 1e6;
  const writer: Writer = { busyUs: 0, events: 0, blocks: 0, behind: 0, waits: [] };
  const met = new Set<number>();
  let now = 0;
  for (let next = 0; next < at.length;) {
    now = Math.max(now, at[next] as number);
    if (now >= end) {
      writer.behind = at.length - next;
      break;
    }
    const first = next;
    const batch = new Set<number>();
    let fresh = 0;
    while (next < at.length && next - first < maxBatch && (at[next] as number) <= now) {
      const org = orgs[next++] as number;
      batch.add(org);
      if (!met.has(org)) fresh++;
      met.add(org);
    }
    const work = (next - first) * costs.eventUs + batch.size * costs.blockUs + fresh * costs.loadUs + costs.commitUs;
    writer.busyUs += work;
    now += work;
    writer.events += next - first;
    writer.blocks += batch.size;
    for (let i = first; i < next; i++) writer.waits.push(now - (at[i] as number));
  }
  return writer;
}

/** An organization, by how busy it is. */
function createPick(organizations: number, zipf: number, random: () => number): () => number {
  const cumulative = new Float64Array(organizations);
  let total = 0;
  for (let i = 0; i < organizations; i++) cumulative[i] = total += (i + 1) ** -zipf;
  return () => {
    const wanted = random() * total;
    let low = 0;
    for (let high = organizations - 1; low < high;) {
      const middle = (low + high) >>> 1;
      if ((cumulative[middle] as number) > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}

/** Mulberry32: numbers in [0, 1), the same for the same seed everywhere. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
