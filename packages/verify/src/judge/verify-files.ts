/**
 * The `judge/` room: what a file is worth. Files and what the caller holds come in; reports and hints go out. Every
 * decision is made by `@waybill/schema/verify`, which runs in a browser too. What a report says to people is written in
 * `text/`.
 *
 * This file judges the parts of one chain.
 */
import type { ChainReport, Expectation, ReceiptKeys } from '@waybill/schema/verify';
import { checkOptions, type KnownOptions } from '../check-options.ts';
import { type CommandWords, WAYBILL_VERIFY } from '../command-words.ts';
import { VerifyError } from '../errors.ts';
import type { InputFile } from '../input/input-file.ts';
import { openInputs } from '../input/open-inputs.ts';
import { joinFiles } from '../input/read-files.ts';
import { watchLines } from '../input/watch-lines.ts';
import { chainHint } from './chain-hint.ts';
import { isGood, readKnownLosses, withFaultOf } from './known-losses.ts';
import { verifyLines } from './verify-lines.ts';

export interface VerifyFilesOptions {
  /** The chain that the files have to be of. Default: that of the first entry. */
  readonly orgid?: string;
  /** The number of the first entry. What is before it is taken on trust. Default: 1. */
  readonly fromSeq?: number;
  /** Heads that the chain has to contain. */
  readonly expect?: readonly Expectation[];
  /** Checks the signatures of events by these keys (`createReceiptKeys`). */
  readonly receiptKeys?: ReceiptKeys;
  /** An event without a valid signature by one of `receiptKeys` makes the chain `tampered`. */
  readonly requireSigned?: boolean;
  /**
   * Files with the replay of `_system`, in any order: losses that are acknowledged there do not make the chain
   * `incomplete`. It has to verify, too. The acknowledgements are worth as much as these files: the report lists them
   * as not compared with AUDIT.
   */
  readonly system?: readonly string[];
  /** Called after each chunk. `total` is null when the number of bytes is not known. */
  readonly onProgress?: (done: { bytes: number; total: number | null; entries: number }) => void;
}

const OPTIONS: KnownOptions<VerifyFilesOptions> = {
  orgid: true,
  fromSeq: true,
  expect: true,
  receiptKeys: true,
  requireSigned: true,
  system: true,
  onProgress: true,
};

export interface JudgedFiles {
  readonly report: ChainReport;
  /** What may have happened to the file on its way, when it does not verify; null: nothing can be said. */
  readonly hint: string | null;
}

/**
 * Verifies one chain from its replay. Several files are its parts, in any order; `-` is the standard input. Memory does
 * not grow with their size.
 *
 * @throws VerifyError CANNOT_READ naming the file; BAD_ARGUMENT, also for the same file twice
 */
export async function verifyFiles(
  names: string | readonly string[],
  options: VerifyFilesOptions = {},
): Promise<JudgedFiles> {
  checkOptions('verifyFiles', options, OPTIONS);
  const list = typeof names === 'string' ? [names] : names;
  if (list.length === 0) throw new VerifyError('BAD_ARGUMENT', 'verifyFiles: there is no file');
  const { system = [], ...asked } = options;
  const files = await openInputs([...list, ...system]);
  const check = { ...asked, system: { files: files.slice(list.length), expect: [] } };
  return judgeChain(files.slice(0, list.length), check, WAYBILL_VERIFY);
}

export interface ChainCheck extends Omit<VerifyFilesOptions, 'system'> {
  readonly system?: { readonly files: readonly InputFile[]; readonly expect: readonly Expectation[] };
}

/** @param words what the hint tells people to type */
export async function judgeChain(
  files: readonly InputFile[],
  options: ChainCheck,
  words: CommandWords,
): Promise<JudgedFiles> {
  const { onProgress, system, ...asked } = options;
  const known = system && system.files.length > 0 ? await readKnownLosses(system.files, system.expect, words) : null;
  const { total, chunks } = await joinFiles(files, words);
  const watched = watchLines(chunks);
  const report = await verifyLines(watched.chunks, {
    ...asked,
    ...(known && isGood(known) && { acknowledgements: known.acknowledgements }),
    ...(onProgress && { onProgress: ({ bytes, entries }) => onProgress({ bytes, total, entries }) }),
  });
  const { orgid, fromSeq = 1 } = asked;
  const hint = chainHint(report, watched, { orgid, fromSeq, words });
  return { report: known ? withFaultOf(known, report) : report, hint };
}
