import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/**
 * The oldest nats-server that Waybill's own configuration is run on.
 *
 * The configuration parses from the version on that knows `jetstream { strict }` (2.10.27 refuses it as an unknown
 * field), but `sync_interval: always` keeps its promise, that an acknowledged message survives a power failure, only
 * from 2.15 on (nats-server #8456 and #8475). An older server would pass the tests and break the promise.
 */
export const OLDEST_NATS_SERVER = '2.15.0';

/** `[major, minor, patch]` of `2.15.1`, `v2.15.1`, `nats-server: v2.15.1-RC.1` or a Debian `2.15.1-1+b2`. */
export function parseVersion(text: string): readonly [number, number, number] | undefined {
  const found = /(\d+)\.(\d+)\.(\d+)/.exec(text);
  return found ? [Number(found[1]), Number(found[2]), Number(found[3])] : undefined;
}

export function isNewEnough(text: string): boolean {
  const version = parseVersion(text);
  const oldest = parseVersion(OLDEST_NATS_SERVER);
  if (!version || !oldest) return false;
  for (const [index, wanted] of oldest.entries()) {
    const have = version[index] ?? 0;
    if (have !== wanted) return have > wanted;
  }
  return true;
}

/** What `nats-server --version` says, as `2.15.1`. Rejects when the file does not run on this machine. */
export async function versionOfBinary(path: string): Promise<string> {
  const { stdout } = await promisify(execFile)(path, ['--version'], { timeout: 10_000 });
  const version = parseVersion(stdout);
  if (!version) throw new Error(`${path} --version printed ${JSON.stringify(stdout)}, which names no version`);
  return version.join('.');
}
