/**
 * `@waybill/schema/node-version`: refuses a Node that is too old. Every entry point imports it first, and it imports
 * nothing. So it is evaluated before any code that needs a newer Node.
 *
 * Modules are linked before any of them is evaluated. For that reason no module imports by name what Node 18's
 * built-ins lack (`crypto.hash`, `zlib.crc32`): linking would fail before this file can say why.
 */

/**
 * Does nothing outside Node, such as in a browser.
 *
 * @param who the package that needs the version
 * @param oldest the oldest version that works, e.g. `22.12`
 * @throws Error naming the package, the version that it needs and the version that runs
 */
export function requireNode(who: string, oldest: string): void {
  const { process } = globalThis as { process?: { versions?: { node?: string } } };
  const found = process?.versions?.node;
  if (found === undefined) return;
  const [major = 0, minor = 0] = found.split('.').map(Number);
  const [neededMajor = 0, neededMinor = 0] = oldest.split('.').map(Number);
  if (major > neededMajor || (major === neededMajor && minor >= neededMinor)) return;
  throw new Error(`${who} needs Node ${oldest} or newer; this is Node ${found}`);
}
