import {
  type Acknowledgements,
  type ChainReport,
  type ChainVerifier,
  createChainVerifier,
  createLineSplitter,
  type Entry,
  type VerifyOptions,
} from '@waybill/schema/verify';
import { checkOptions, type KnownOptions } from '../check-options.ts';
import { nodeSha256 } from '../sha256.ts';
import { checkSignersGiven } from './receipt-keys.ts';

export interface VerifyLinesOptions extends Omit<VerifyOptions, 'sha256'> {
  /**
   * Losses that somebody acknowledged, by the entries of `_system` (`createAcknowledgements`). Nothing here compares them
   * with AUDIT: the report says so.
   */
  readonly acknowledgements?: Pick<Acknowledgements, 'of'>;
  /** Called after each chunk with the bytes and entries so far. */
  readonly onProgress?: (done: { bytes: number; entries: number }) => void;
}

const OPTIONS: KnownOptions<VerifyLinesOptions> = {
  orgid: true,
  fromSeq: true,
  expect: true,
  receiptKeys: true,
  requireSigned: true,
  acknowledgements: true,
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
  const { onProgress, acknowledgements, ...rest } = options;
  checkSignersGiven('verifyLines', options);
  const verifier = createChainVerifier({ ...rest, sha256: nodeSha256 });
  let orgid = rest.orgid ?? '';
  const onEntry = ({ core }: Entry): void => {
    ({ orgid } = core);
  };
  await readLines(chunks, verifier, { onEntry, ...(onProgress && { onProgress }) });
  return verifier.finish(acknowledgements?.of(orgid));
}

interface Reading extends Pick<VerifyLinesOptions, 'onProgress'> {
  /** Takes each good entry. */
  readonly onEntry: (entry: Entry) => void;
}

/** Hands all lines to a verifier, up to the first bad one. */
export async function readLines(
  chunks: AsyncIterable<Uint8Array>,
  verifier: ChainVerifier,
  { onEntry, onProgress }: Reading,
): Promise<void> {
  const splitter = createLineSplitter();
  let bytes = 0;
  let entries = 0;
  const take = (line: Uint8Array): void => {
    const good = verifier.pushBytes(line);
    if (!good) return;
    entries++;
    onEntry(good.entry);
  };
  for await (const chunk of chunks) {
    for (const line of splitter.push(chunk)) take(line);
    bytes += chunk.length;
    onProgress?.({ bytes, entries });
    // After the first bad entry, nothing can change the verdict.
    if (verifier.failed) break;
  }
  const tail = splitter.finish();
  if (tail) take(tail);
}
