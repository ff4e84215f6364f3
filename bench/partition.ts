/** The partition of an organization as nats-server's `partition(n, token)` has it: FNV-1a with 32 bits, modulo n. */
export function partitionOf(orgid: string, partitions: number): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(orgid)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash % partitions;
}
