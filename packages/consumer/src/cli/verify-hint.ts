/**
 * What the user may have meant when the first entry of a file is not the one that was asked for. It is a note beside
 * the verdict, which the format defines (docs/reference/format.md §11) and which does not depend on what was meant.
 */
import type { ChainReport } from '@waybill/schema';
import { isChainName } from '@waybill/schema/internal';

interface Asked {
  readonly orgid: string | undefined;
  readonly fromSeq: number;
}

interface FirstEntry {
  readonly seq: number;
  readonly orgid: string;
}

/**
 * Passes chunks on, and keeps the first one.
 *
 * @returns the chunks, and the unverified first entry as soon as it is known
 */
export function keepFirst(chunks: AsyncIterable<Uint8Array>): {
  readonly chunks: AsyncIterable<Uint8Array>;
  first(): FirstEntry | null;
} {
  let start: Uint8Array | null = null;
  async function* passing(): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      start ??= chunk;
      yield chunk;
    }
  }
  return { chunks: passing(), first: () => (start === null ? null : readFirst(start)) };
}

/** Null when the chunk has not the whole line. Chunks are larger than lines, but for those of a slow pipe. */
function readFirst(start: Uint8Array): FirstEntry | null {
  const [line = ''] = Buffer.from(start).toString('utf8').split('\n', 1);
  try {
    const { seq, orgid } = (JSON.parse(line) as { core: FirstEntry }).core;
    return Number.isSafeInteger(seq) && isChainName(orgid) ? { seq, orgid } : null;
  } catch {
    return null;
  }
}

/** @returns null when there is nothing to say */
export function verifyHint(report: ChainReport, first: FirstEntry | null, asked: Asked): string | null {
  if (report.verdict !== 'tampered' || report.entries > 0 || first === null) return null;
  if (asked.orgid !== undefined && asked.orgid !== first.orgid)
    return `this is a chain of ${first.orgid}, and --org is ${asked.orgid}`;
  if (first.seq > asked.fromSeq) {
    return (
      `this begins with entry ${first.seq}: give the older parts of the chain as well, ` +
      `or --from-seq ${first.seq}, which takes what is before it on trust`
    );
  }
  if (first.seq < asked.fromSeq)
    return `this begins with entry ${first.seq}: --from-seq says where a file begins, and nothing in it is skipped`;
  return null;
}
