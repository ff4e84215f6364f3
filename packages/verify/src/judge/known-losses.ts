/** Losses that somebody acknowledged, by a replay of `_system`. */
import {
  type Acknowledgements,
  type ChainReport,
  createAcknowledgements,
  createChainVerifier,
  type Expectation,
  SYSTEM_CHAIN,
  VERDICTS,
} from '@waybill/schema/verify';
import type { CommandWords } from '../command-words.ts';
import type { InputFile } from '../input/input-file.ts';
import { joinFiles } from '../input/read-files.ts';
import { nodeSha256 } from '../sha256.ts';
import { readLines } from './verify-lines.ts';

export interface KnownLosses {
  readonly acknowledgements: Acknowledgements;
  /** On `_system` itself. */
  readonly report: ChainReport;
}

/** @throws VerifyError CANNOT_READ naming the file */
export async function readKnownLosses(
  files: readonly InputFile[],
  expect: readonly Expectation[],
  words: CommandWords,
): Promise<KnownLosses> {
  const acknowledgements = createAcknowledgements();
  const verifier = createChainVerifier({ orgid: SYSTEM_CHAIN, expect, sha256: nodeSha256 });
  const { chunks } = await joinFiles(files, words);
  await readLines(chunks, verifier, { onEntry: (entry) => acknowledgements.add(entry) });
  return { acknowledgements, report: verifier.finish() };
}

/** Whether its acknowledgements may count. */
export function isGood({ report: { verdict } }: KnownLosses): boolean {
  return verdict === 'ok' || verdict === 'incomplete';
}

/** A bad replay of `_system` is not passed over: whoever gave it would take the answer for one that has seen it. */
export function withFaultOf({ report: { verdict, problem } }: KnownLosses, report: ChainReport): ChainReport {
  if (problem === null || VERDICTS.indexOf(verdict) <= VERDICTS.indexOf(report.verdict)) return report;
  const detail = `the replay of ${SYSTEM_CHAIN}, at ${problem.seq}: ${problem.detail}`;
  return { ...report, verdict, problem: { seq: problem.seq, detail } };
}
