import { type Billed, KINDS } from './tally.ts';

/** For people: exact counts, bytes to three digits. */
export function usageTable(bills: readonly Billed[], sum: Omit<Billed, 'orgid'>): string[] {
  const rows = [
    ['organization', 'events', ...KINDS.flatMap((kind) => [kind, ''])],
    ...[...bills, { ...sum, orgid: 'sum' }].map((bill) => [
      bill.orgid,
      grouped(bill.events),
      ...KINDS.flatMap((kind) => [grouped(bill[kind].count), humanBytes(BigInt(bill[kind].bytes))]),
    ]),
  ];
  const widths = rows.reduce<number[]>((max, row) => row.map((cell, i) => Math.max(max[i] ?? 0, cell.length)), []);
  return rows.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  '),
  );
}

export function grouped(number: string | number): string {
  return BigInt(number).toLocaleString('en');
}

function humanBytes(bytes: bigint): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = Number(bytes);
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toPrecision(3)} ${units[unit]}`;
}
