/** Compares verification with and without a shortcut. */
import { expect } from 'vitest';
import { type Entry, formatCore } from '../src/ledger/entry.ts';
import type { VerifiedEntry } from '../src/verify/chain-judge.ts';
import type { CreateShortcut } from '../src/verify/shortcut.ts';
import type { ChainReport } from '../src/verify/verdict.ts';
import { createVerifier, type VerifyOptions } from '../src/verify/verify.ts';
import { fastSha256 } from './chain.ts';

interface Result {
  readonly report: ChainReport;
  readonly entries: readonly ((Entry & Omit<VerifiedEntry, 'entry'> & { readonly coreText: string }) | null)[];
}

export function runWith(lines: readonly string[], createShortcut: CreateShortcut, options: VerifyOptions): Result {
  const verifier = createVerifier({ sha256: fastSha256, ...options }, createShortcut);
  const entries = lines.map((line) => {
    const verified = verifier.push(line);
    if (!verified) return null;
    const { entry, isErased, origin } = verified;
    return {
      core: { ...entry.core, origin: entry.core.origin, totals: entry.core.totals },
      event: entry.event,
      coreText: formatCore(entry.core),
      hash: entry.hash,
      isErased,
      origin,
    };
  });
  return { report: verifier.finish(), entries };
}

/**
 * Compares verdicts and entries with and without a shortcut.
 *
 * @returns the number of lines that the shortcut recognized
 */
export function compareVerdicts(
  createShortcut: CreateShortcut,
  lines: readonly string[],
  options: VerifyOptions = {},
): number {
  let taken = 0;
  const counting: CreateShortcut = (sha256, deriveVolume) => {
    const read = createShortcut(sha256, deriveVolume);
    return (line, last) => {
      const known = read(line, last);
      if (known) taken++;
      return known;
    };
  };
  const short = runWith(lines, counting, options);
  expect(short).toEqual(runWith(lines, () => () => null, options));
  return taken;
}

/** The line with other texts of event and core. With `rehash` the hashes are right for these texts. */
export function rewrite(
  line: string,
  change: { event?: (text: string) => string; core?: (text: string) => string; rehash: boolean },
): string {
  const eventAt = line.indexOf('}},"event":') + 2;
  let core = line.slice('{"core":'.length, eventAt);
  const event = (change.event ?? String)(line.slice(eventAt + ',"event":'.length, -',"hash":""}'.length - 64));
  if (change.rehash) core = core.replace(/"event_hash":"[^"]*"/, `"event_hash":"${fastSha256(event)}"`);
  core = (change.core ?? String)(core);
  const hash = change.rehash ? fastSha256(core) : line.slice(-66, -2);
  return `{"core":${core},"event":${event},"hash":"${hash}"}`;
}
