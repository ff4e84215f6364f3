import { type ChainReport, createChainVerifier, createLineSplitter, type VerifyOptions } from '@waybill/schema/verify';
import { checkOptions, type KnownOptions } from '../check-options.ts';
import { nodeSha256 } from '../sha256.ts';
import { checkSignersGiven } from './receipt-keys.ts';

export interface VerifyLinesOptions extends Omit<VerifyOptions, 'sha256'> {
  /** Called after each chunk with the bytes and entries so far. */
  readonly onProgress?: (done: { bytes: number; entries: number }) => void;
}

const OPTIONS: KnownOptions<VerifyLinesOptions> = {
  orgid: true,
  fromSeq: true,
  expect: true,
  receiptKeys: true,
  requireSigned: true,
  onProgress: true,
};

/**
 * Verifies one chain from its replayed lines, as bytes. Memory does not grow with their number. Needs no NATS.
 *
 * @throws VerifyError BAD_ARGUMENT
 */
export async function verifyLines(
  chunks: AsyncIterable<Uint8Array>,
  options: VerifyLinesOptions = {},
): Promise<ChainReport> {
  checkOptions('verifyLines', options, OPTIONS);
  const { onProgress, ...rest } = options;
  checkSignersGiven('verifyLines', options);
  const verifier = createChainVerifier({ ...rest, sha256: nodeSha256 });
  const splitter = createLineSplitter();
  let bytes = 0;
  let entries = 0;
  for await (const chunk of chunks) {
    for (const line of splitter.push(chunk)) if (verifier.pushBytes(line)) entries++;
    bytes += chunk.length;
    onProgress?.({ bytes, entries });
    // After the first bad entry, nothing can change the verdict.
    if (verifier.failed) break;
  }
  const tail = splitter.finish();
  if (tail) verifier.pushBytes(tail);
  return verifier.finish();
}
