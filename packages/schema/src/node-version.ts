/**
 * `@waybill/schema/node-version`: refuses a Node that is too old. It imports nothing, and is the first import of every
 * entry point, so that it is evaluated before anything that such a Node lacks. Modules are linked before any of them is
 * evaluated: what Node 18 lacks of a built-in is never imported by name (`crypto.hash`, `zlib.crc32`), which would be an
 * error of its own.
 */

/**
 * Does nothing where there is no Node, such as in a browser.
 *
 * @param who the package that needs it
 * @param oldest `22.12`
 * @throws Error naming the package, the version that it needs and the one that is there
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
