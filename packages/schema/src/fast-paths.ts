/**
 * Whether this process may use fast paths: second ways of doing a thing that give the same result sooner. They are on
 * unless the environment says `WAYBILL_FAST=0`, and always on where there is no environment, as in a browser.
 *
 * The answer is read once, when a package is loaded. A fast path never decides anything alone: what it does not know,
 * the plain way decides, and property tests hold the two together.
 */
export function fastPathsEnabled(): boolean {
  const { process } = globalThis as { process?: { env?: Readonly<Record<string, string | undefined>> } };
  return process?.env?.['WAYBILL_FAST'] !== '0';
}
