/** Versions of nats-server, and what each of them is needed for. */
import type { NatsConnection } from '@nats-io/nats-core';

/** The oldest that everything here was run on (2.10.27, by hand). The tests run on the current one. */
export const OLDEST_SERVER = '2.10.0';
/**
 * From here on `sync_interval: always` keeps an acknowledged event through a power failure (nats-server #8456, #8475).
 */
const DURABLE_SERVER = '2.15.0';

/** The version of the connected server; `0.0.0` when it gave none. */
export function serverVersion({ info }: NatsConnection): string {
  return info?.version ?? '0.0.0';
}

/** @returns what an operator should know about this server, or null */
export function durabilityWarning(nc: NatsConnection): string | null {
  const version = serverVersion(nc);
  if (!isOlder(version, DURABLE_SERVER)) return null;
  return `nats-server ${version} can lose acknowledged events in a power failure even with sync_interval: always; ${DURABLE_SERVER} or newer does not`;
}

/** Compares the numbers of two versions. It ignores what follows them (`-RC.1`, `-dev`). */
export function isOlder(version: string, than: string): boolean {
  const numbers = (text: string): number[] => (/^v?(\d+)\.(\d+)\.(\d+)/.exec(text) ?? []).slice(1).map(Number);
  const a = numbers(version);
  const b = numbers(than);
  for (let i = 0; i < 3; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
