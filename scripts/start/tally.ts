/**
 * What the clients did, counted where they did it. Nothing here is shared with the store, the publisher or the ledger:
 * it is the count that theirs has to be equal to.
 */
export const KINDS = ['uploads', 'downloads', 'deduplicated'] as const;
type Kind = (typeof KINDS)[number];

type Counted = Record<Kind, { count: number; bytes: bigint }>;

/** A bill, as far as it is compared; numbers are decimal strings. */
export interface Billed extends Record<
  Kind,
  { readonly count: string; readonly bytes: string; readonly unknown: string }
> {
  readonly orgid: string;
  readonly events: string;
}

export interface Tally {
  add(orgid: string, kind: Kind, bytes: number): void;
  readonly requests: number;
  /** A line for every number that is not what was counted. */
  differences(bills: readonly Billed[]): string[];
}

export function createTally(): Tally {
  const organizations = new Map<string, Counted>();
  let requests = 0;

  return {
    add(orgid, kind, bytes) {
      const counted = organizations.get(orgid) ?? nothing();
      organizations.set(orgid, counted);
      counted[kind].count++;
      counted[kind].bytes += BigInt(bytes);
      requests++;
    },
    get requests() {
      return requests;
    },
    differences(bills) {
      const billed = new Map(bills.map((bill) => [bill.orgid, bill]));
      const lines: string[] = [];
      for (const orgid of new Set([...organizations.keys(), ...billed.keys()])) {
        const expected = numbersOf(organizations.get(orgid) ?? nothing());
        const found = numbersOfBill(billed.get(orgid));
        for (const [name, value] of Object.entries(expected)) {
          if (found[name] === value) continue;
          lines.push(`${orgid}: ${name} is ${found[name] ?? 'missing'} in the ledger, and ${value} was counted`);
        }
      }
      return lines;
    },
  };
}

function nothing(): Counted {
  return {
    uploads: { count: 0, bytes: 0n },
    downloads: { count: 0, bytes: 0n },
    deduplicated: { count: 0, bytes: 0n },
  };
}

function numbersOf(counted: Counted): Record<string, string> {
  const events = KINDS.reduce((sum, kind) => sum + counted[kind].count, 0);
  const numbers: Record<string, string> = { events: String(events) };
  for (const kind of KINDS) {
    numbers[`${kind}.count`] = String(counted[kind].count);
    numbers[`${kind}.bytes`] = String(counted[kind].bytes);
    // The store knows every size.
    numbers[`${kind}.unknown`] = '0';
  }
  return numbers;
}

function numbersOfBill(bill: Billed | undefined): Record<string, string> {
  if (!bill) return {};
  const numbers: Record<string, string> = { events: bill.events };
  for (const kind of KINDS) {
    for (const [name, value] of Object.entries(bill[kind])) numbers[`${kind}.${name}`] = value;
  }
  return numbers;
}
