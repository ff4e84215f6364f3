/** Finds the entries of a bill's cuts in a chain, which is verified on the way. */
import type { Sha256 } from '../hash.ts';
import type { Entry } from '../ledger/entry.ts';
import type { ChainReport, Expectation } from '../verify/verdict.ts';
import { createChainVerifier } from '../verify/verify.ts';
import type { BillStatement } from './bill.ts';
import type { HashedCores } from './cut-check.ts';
import { createPublisherScan, type PublisherScan } from './publisher-scan.ts';

export interface BillReplay {
  /** The chain's entries, each as its line without the line feed. */
  readonly lines: Iterable<string | Uint8Array>;
  /** The `seq` of the first line. Default: 1. What is before it is not checked. */
  readonly fromSeq?: number;
}

export interface ReplayCheck {
  readonly report: ChainReport;
  /** What contradicts the bill, or null. */
  readonly fault: string | null;
  /** The replay has no line. */
  readonly isEmpty: boolean;
  /** It ends before the entry of a cut, or begins after one. */
  readonly isShort: boolean;
  /**
   * By cut: the replay shows that its entry is the chain's. That nothing was before it only a replay from the first entry
   * on can show.
   */
  readonly anchored: readonly boolean[];
  /** By cut: the entry after it is in the replay, and was received at the cut or later. */
  readonly followed: readonly boolean[];
  /** By a whole replay; null otherwise. */
  readonly publishers: ReturnType<PublisherScan['report']> | null;
}

interface ReplayOptions {
  readonly statement: BillStatement;
  readonly cores: HashedCores;
  readonly expect: readonly Expectation[];
  readonly sha256: Sha256;
}

export function checkReplay(replay: BillReplay, { statement, cores, expect, sha256 }: ReplayOptions): ReplayCheck {
  const { orgid, cuts } = statement;
  const { fromSeq = 1 } = replay;
  const verifier = createChainVerifier({ orgid, fromSeq, expect, sha256 });
  const wanted = Map.groupBy(
    [...cores.before, ...cores.after].filter((one) => one !== null),
    ({ core }) => core.seq,
  );
  const cutsBefore = Map.groupBy(cuts.keys(), (i) => (cores.before[i]?.core.seq ?? 0) + 1);
  const followed = cuts.map(() => false);
  const lastSeq = cores.before.at(-1)?.core.seq ?? 0;
  const scan = createPublisherScan();
  let fault: string | null = null;
  let isEmpty = true;

  function compare({ core, hash }: Entry): void {
    for (const one of wanted.get(core.seq) ?? []) {
      if (one.hash !== hash) fault ??= `entry ${core.seq} is ${hash} in the replay, ${one.hash} in the bill`;
    }
    for (const i of cutsBefore.get(core.seq) ?? []) {
      const at = cuts[i]?.at ?? '';
      followed[i] = core.received >= at;
      if (!followed[i]) fault ??= `entry ${core.seq} was received at ${core.received}, before the cut at ${at}`;
    }
  }

  for (const line of replay.lines) {
    if (line.length > 0) isEmpty = false;
    const good = typeof line === 'string' ? verifier.push(line) : verifier.pushBytes(line);
    if (!good) continue;
    compare(good.entry);
    if (good.entry.core.seq <= lastSeq) scan.add(good.entry);
  }
  const report = verifier.finish();
  const end = fromSeq + report.entries - 1;
  const isShort = cores.before.some((one) => one && (one.core.seq < fromSeq || one.core.seq > end));
  const isWhole = fromSeq === 1;
  const anchored = cores.before.map((one) => one !== null || isWhole);
  return { report, fault, isEmpty, isShort, anchored, followed, publishers: isWhole ? scan.report() : null };
}
