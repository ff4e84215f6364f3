/**
 * `@waybill/verify/internal`: what the `waybill` command shares with `waybill-verify`. It changes with any version; the
 * public API is `index.ts`.
 */
import './check-node.ts';

export type { CommandWords } from './command-words.ts';
export { VerifyError, type VerifyErrorCode } from './errors.ts';
export { nodeSha256 } from './sha256.ts';
export { TZ_VERSION } from './time-zones.ts';
export { openInputs } from './input/open-inputs.ts';
export { answerBill, answerChain } from './cli/answers.ts';
export { asciiJson, createOutput, type Output, ReaderGone } from './cli/output.ts';
export { createProgressBar, type ProgressBar } from './cli/progress-bar.ts';
export { type Asking, expectations, expectedOfLedger, fromSeq, signatureCheck } from './cli/verify-arguments.ts';
export { type Values, wholeNumber } from './cli/values.ts';
export { checkSignersGiven, createReceiptKeys, keyidOf } from './judge/receipt-keys.ts';
export { verifyLines, type VerifyLinesOptions } from './judge/verify-lines.ts';
export { aboutLines, chainLines, verdictLine } from './text/chain-text.ts';
export { formatTable } from './text/table.ts';
