/**
 * Volumes: the bytes that single events transferred, and the totals of a chain. They are exact integers, as decimal
 * strings outside and BigInt inside, because the bytes of a busy organization exceed 2^53.
 */
/** At most 32 digits: 2^53 events of 2^53 bytes. */
export const DECIMAL_PATTERN = /^(0|[1-9]\d{0,31})$/;

export const VOLUME_KINDS = ['upload', 'download', 'deduplicated', 'none'] as const;
export type VolumeKind = (typeof VOLUME_KINDS)[number];

/** The volume of one entry, as it stands in the entry. */
export interface Volume {
  readonly kind: VolumeKind;
  /** Decimal. null when the size is unknown, and always for `none`. */
  readonly bytes: string | null;
  /** The `seq` of the earlier upload whose size was taken, when the event itself did not state one. */
  readonly from?: number;
}

export const NO_VOLUME: Volume = { kind: 'none', bytes: null };

/** Sums of one kind. `count` includes the `unknown` ones, whose bytes no sum includes. */
export interface Tally {
  readonly count: string;
  readonly bytes: string;
  readonly unknown: string;
}

/** Sums over a chain up to and including an entry, as they stand in the entry: decimal strings. */
export interface Totals {
  readonly events: string;
  readonly uploads: Tally;
  readonly downloads: Tally;
  readonly deduplicated: Tally;
}

export const TALLIES = ['uploads', 'downloads', 'deduplicated'] as const;
type TallyName = (typeof TALLIES)[number];

const NO_TALLY: Tally = { count: '0', bytes: '0', unknown: '0' };
export const NO_TOTALS: Totals = { events: '0', uploads: NO_TALLY, downloads: NO_TALLY, deduplicated: NO_TALLY };

const TALLY_OF = { upload: 'uploads', download: 'downloads', deduplicated: 'deduplicated' } as const;

/** The totals after an entry with this volume. */
export function addVolume(totals: Totals, volume: Volume): Totals {
  const events = increment(totals.events);
  if (volume.kind === 'none') return { ...totals, events };
  const name = TALLY_OF[volume.kind];
  const tally = totals[name];
  return {
    ...totals,
    events,
    [name]: {
      count: increment(tally.count),
      bytes: volume.bytes === null ? tally.bytes : add(tally.bytes, volume.bytes),
      unknown: volume.bytes === null ? increment(tally.unknown) : tally.unknown,
    },
  };
}

/** The difference between two totals of one chain. @throws RangeError when `to` is not the later one */
export function subtractTotals(to: Totals, from: Totals): Totals {
  const tally = (name: TallyName): Tally => ({
    count: subtract(to[name].count, from[name].count),
    bytes: subtract(to[name].bytes, from[name].bytes),
    unknown: subtract(to[name].unknown, from[name].unknown),
  });
  return {
    events: subtract(to.events, from.events),
    uploads: tally('uploads'),
    downloads: tally('downloads'),
    deduplicated: tally('deduplicated'),
  };
}

/** Sums over several chains. */
export function sumTotals(all: Iterable<Totals>): Totals {
  let sum = NO_TOTALS;
  for (const one of all) {
    const tally = (name: TallyName): Tally => ({
      count: add(sum[name].count, one[name].count),
      bytes: add(sum[name].bytes, one[name].bytes),
      unknown: add(sum[name].unknown, one[name].unknown),
    });
    sum = {
      events: add(sum.events, one.events),
      uploads: tally('uploads'),
      downloads: tally('downloads'),
      deduplicated: tally('deduplicated'),
    };
  }
  return sum;
}

function increment(decimal: string): string {
  return add(decimal, '1');
}

/** Up to 15 digits doubles are exact, and faster. */
function add(a: string, b: string): string {
  if (a.length <= 15 && b.length <= 15) return String(Number(a) + Number(b));
  return String(BigInt(a) + BigInt(b));
}

function subtract(a: string, b: string): string {
  const difference = BigInt(a) - BigInt(b);
  if (difference < 0n) throw new RangeError(`totals go backwards: ${a} - ${b}`);
  return String(difference);
}
