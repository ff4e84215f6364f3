/**
 * The `cli/` room: the `waybill-verify` command, and what `waybill verify` shares with it. Arguments come in; text and
 * an exit code go out. What files are worth is decided in `judge/`.
 *
 * This file decides what the files are to each other, and turns what goes wrong into a line and an exit code.
 */
import { WAYBILL_VERIFY } from '../command-words.ts';
import { VerifyError } from '../errors.ts';
import { type FileKind, kindOfFile } from '../input/file-kind.ts';
import type { InputFile } from '../input/input-file.ts';
import { checkDistinct, openInputs } from '../input/open-inputs.ts';
import { VERSION } from '../version.ts';
import { answerBill, answerChain, answerReceipt } from './answers.ts';
import { HELP, parseCommandLine } from './command-line.ts';
import { EXIT_CODES, UNFORESEEN } from './exit-codes.ts';
import { asciiJson, type Output, ReaderGone } from './output.ts';
import type { Asking } from './verify-arguments.ts';

/** Runs a command line. @returns the exit code, also when something goes wrong */
export async function runWaybillVerify(args: readonly string[], output: Output): Promise<number> {
  try {
    return await run(args, output);
  } catch (error) {
    return report(error, args, output);
  }
}

async function run(args: readonly string[], output: Output): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    await output.lines([HELP]);
    return 0;
  }
  const { values, files } = parseCommandLine(args);
  if (values.flag('version')) {
    await output.lines([`waybill-verify ${VERSION}`]);
    return 0;
  }
  if (files.length === 0) throw new VerifyError('BAD_ARGUMENT', 'there is no FILE; see --help');
  const asking: Asking = { values, output, words: WAYBILL_VERIFY };
  return judge(asking, await recognize(files, asking));
}

interface KnownFile {
  readonly file: InputFile;
  readonly kind: FileKind;
}

/** @throws VerifyError CANNOT_READ naming the file; BAD_ARGUMENT for the same file twice */
async function recognize(names: readonly string[], asking: Asking): Promise<KnownFile[]> {
  const inputs = await openInputs(names, asking.words);
  const known = await Promise.all(inputs.map(async (file) => ({ file, kind: kindOfFile(await file.start()) })));
  const misplaced = known.find(({ kind }) => kind.option !== undefined);
  if (misplaced)
    throw new VerifyError('BAD_ARGUMENT', `${says(misplaced, ' is taken for ')}: give it as ${misplaced.kind.option}`);
  return known;
}

/** What is asked decides what one entry is: alone it is a receipt, beside others and with heads a part of a chain. */
function isChainPart({ kind }: KnownFile, known: readonly KnownFile[], { values }: Asking): boolean {
  if (kind.judge === 'replay') return true;
  const asksForChain = ['expect', 'expect-file', 'from-seq', 'system'].some((name) => values.text(name) !== undefined);
  return kind.isLoneEntry === true && (known.length > 1 || asksForChain);
}

async function judge(asking: Asking, known: readonly KnownFile[]): Promise<number> {
  const { values } = asking;
  const chain = known.filter((one) => isChainPart(one, known, asking));
  const bills = known.filter(({ kind }) => kind.judge === 'bill');
  const receipts = known.filter((one) => one.kind.judge === 'receipt' && !chain.includes(one));
  const [bill, secondBill] = bills;
  const [receipt, secondReceipt] = receipts;
  const other = secondReceipt ?? bill ?? chain[0];
  if (receipt && other) throw new VerifyError('BAD_ARGUMENT', alone(receipt, other));
  if (bill && secondBill) throw new VerifyError('BAD_ARGUMENT', alone(bill, secondBill));
  if (bill) {
    const replay = [...chain.map(({ file }) => file), ...(await openInputs(values.all('replay'), asking.words))];
    checkDistinct([bill.file, ...replay]);
    const about = [says(bill), ...chain.map((one) => `${says(one)}, in which the bill's entries are looked for`)];
    return answerBill(asking, async () => ({ bill: bill.file, replay }), about);
  }
  for (const name of ['key', 'replay'] as const) {
    const [first] = known;
    if (values.all(name).length > 0 && first)
      throw new VerifyError('BAD_ARGUMENT', `--${name} is for a bill, and ${says(first, ' is taken for ')}`);
  }
  if (receipt) return answerReceipt(asking, receipt.file, [says(receipt)]);
  return answerChain(
    asking,
    async () => chain.map(({ file }) => file),
    chain.map((one) => says(one)),
  );
}

function says({ file: { name }, kind: { phrase } }: KnownFile, between = ': '): string {
  return `${name === '-' ? 'the standard input' : name}${between}${phrase}`;
}

function alone(one: KnownFile, other: KnownFile): string {
  return `${says(one, ' is taken for ')}; ${says(other, ' for ')}: judge them one at a time`;
}

/** One line for people; with `--json` an object. @returns the exit code */
function report(error: unknown, args: readonly string[], output: Output): number {
  if (error instanceof ReaderGone) return 0;
  const known = error instanceof VerifyError;
  const code = known ? error.code : 'UNFORESEEN';
  const message = error instanceof Error ? error.message : String(error);
  if (args.includes('--json')) output.note(asciiJson({ error: { code, message } }));
  else output.note(`waybill-verify: ${message}`);
  if (!known && error instanceof Error) for (const line of String(error.stack).split('\n')) output.note(line);
  return known ? EXIT_CODES[error.code] : UNFORESEEN;
}
