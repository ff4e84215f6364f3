/** What `waybill-verify` answers, and `waybill verify` without NATS: a verification in text or JSON, and an exit code. */
import { VERDICT_EXIT_CODES } from '@waybill/schema/verify';
import { VerifyError } from '../errors.ts';
import type { InputFile } from '../input/input-file.ts';
import { checkDistinct, openInputs } from '../input/open-inputs.ts';
import { readHeadFiles } from '../input/read-heads.ts';
import { judgeBill, orgidOfBill, readBill } from '../judge/verify-bill-file.ts';
import { judgeChain, type JudgedFiles } from '../judge/verify-files.ts';
import { judgeReceipt, readReceipt } from '../judge/verify-receipt.ts';
import { billLines } from '../text/bill-text.ts';
import { replayLines } from '../text/chain-text.ts';
import { receiptLines } from '../text/receipt-text.ts';
import { createProgressBar } from './progress-bar.ts';
import {
  type Asking,
  billKeys,
  chainName,
  expectations,
  expectedOfFile,
  fromSeq,
  headsOf,
  signatureCheck,
} from './verify-arguments.ts';

/** The files of one chain. @param about lines for people, above the report. @returns the exit code */
export async function answerChain(
  asking: Asking,
  open: () => Promise<readonly InputFile[]>,
  about: readonly string[] = [],
): Promise<number> {
  const { values, output, words } = asking;
  const orgid = chainName(values);
  const signers = signatureCheck(values);
  const kept = await expectedOfFile(asking, orgid);
  const expect = [...(expectations(values, orgid ?? '').get(orgid ?? '') ?? []), ...kept.heads];
  const chain = orgid ?? kept.orgid;
  const systemFiles = values.all('system');
  const from = fromSeq(values);
  const bar = createProgressBar(output);
  let judged: JudgedFiles;
  try {
    const onProgress = ({ bytes, total, entries }: { bytes: number; total: number | null; entries: number }) =>
      bar.show({ done: bytes, total, text: `${entries} entries` });
    const [files, system] = [await open(), await openInputs(systemFiles, words)];
    checkDistinct([...files, ...system]);
    judged = await judgeChain(
      files,
      {
        fromSeq: from,
        expect,
        ...(chain !== undefined && { orgid: chain }),
        ...signers,
        system: { files: system, expect: kept.system },
        onProgress,
      },
      words,
    );
  } finally {
    bar.clear();
  }
  const { report, hint } = judged;
  return answer(asking, { report, hint, lines: [...about, ...replayLines(report)] });
}

export interface BillFiles {
  readonly bill: InputFile;
  readonly replay: readonly InputFile[];
}

/** A bill, and the chain in which its entries are looked for. @returns the exit code */
export async function answerBill(
  asking: Asking,
  open: () => Promise<BillFiles>,
  about: readonly string[] = [],
): Promise<number> {
  const { values, words } = asking;
  const other = ['signer', 'org', 'system'].find((name) => values.text(name) !== undefined);
  if (other !== undefined)
    throw new VerifyError('BAD_ARGUMENT', `--${other} is for chains: a bill names its chain itself`);
  if (values.flag('require-signed'))
    throw new VerifyError('BAD_ARGUMENT', '--require-signed is for chains: --key demands that a bill is signed');
  const given = expectations(values, '').get('') ?? [];
  const from = fromSeq(values);
  const headFiles = values.all('expect-file');
  const kept = await readHeadFiles(headFiles);
  const { bill, replay } = await open();
  const bytes = await readBill(bill);
  const keys = billKeys(values);
  const orgid = orgidOfBill(bytes);
  // What is no bill is of no organization, and is unreadable whatever is expected.
  const heads = orgid === null || headFiles.length === 0 ? [] : headsOf(asking, kept, orgid);
  const expect = [...given, ...heads];
  const { report, hint } = await judgeBill(bytes, { expect, fromSeq: from, ...(keys && { keys }), replay }, words);
  return answer(asking, { report, hint, lines: [...about, ...billLines(report)] });
}

/** One signed event. @returns the exit code */
export async function answerReceipt(asking: Asking, file: InputFile, about: readonly string[]): Promise<number> {
  const { values } = asking;
  const other = ['expect', 'expect-file', 'from-seq', 'system'].find((name) => values.text(name) !== undefined);
  if (other !== undefined)
    throw new VerifyError('BAD_ARGUMENT', `--${other} is for chains, and ${file.name} is one event`);
  const orgid = chainName(values);
  const { receiptKeys } = signatureCheck(values);
  const { report, hint } = judgeReceipt(await readReceipt(file), {
    ...(receiptKeys && { receiptKeys }),
    ...(orgid !== undefined && { orgid }),
  });
  return answer(asking, { report, hint, lines: [...about, ...receiptLines(report)] });
}

interface Answer {
  readonly report: { readonly verdict: keyof typeof VERDICT_EXIT_CODES };
  readonly hint: string | null;
  readonly lines: readonly string[];
}

async function answer({ values, output, words }: Asking, { report, hint, lines }: Answer): Promise<number> {
  if (values.flag('json')) await output.json(report);
  else await output.text(lines);
  if (hint !== null && !values.flag('json')) output.note(`${words.name}: ${hint}`);
  return VERDICT_EXIT_CODES[report.verdict];
}
