/** What the options of `waybill verify` say: heads that are held, keys of signers, and where to begin. */
import { type Expectation, type ReceiptKeys } from '@waybill/schema';
import { ConsumerError } from '../errors.ts';
import { createReceiptKeys } from '../verify/receipt-keys.ts';
import { type CommandContext, type Values, wholeNumber } from './command.ts';
import { type KeptHeads, readHeadFiles } from './read-heads.ts';

export function fromSeq(values: Values): number {
  const seq = wholeNumber('from-seq', values.text('from-seq'), 1);
  if (seq < 1) throw new ConsumerError('BAD_ARGUMENT', '--from-seq is 0: entries are numbered from 1');
  return seq;
}

const HEAD = /^(?:([A-Za-z0-9_][A-Za-z0-9_-]{0,63}):)?(\d{1,15}):([0-9a-f]{64})$/;

/** @param orgid the chain of heads that name none; null when each head must name its chain */
export function expectations(values: Values, orgid: string | null): Map<string, Expectation[]> {
  const heads = new Map<string, Expectation[]>();
  for (const text of values.all('expect')) {
    const [, named, seq, hash] = HEAD.exec(text) ?? [];
    const chain = named ?? orgid;
    if (seq === undefined || hash === undefined || chain === null || (orgid !== null && chain !== orgid)) {
      const form = orgid === null ? 'ORG:SEQ:HASH' : 'SEQ:HASH';
      throw new ConsumerError(
        'BAD_ARGUMENT',
        `--expect is ${JSON.stringify(text)}: expected ${form}, as \`waybill head\` prints it`,
      );
    }
    heads.set(chain, [...(heads.get(chain) ?? []), { seq: Number(seq), hash }]);
  }
  return heads;
}

export function signatureCheck(values: Values): { receiptKeys?: ReceiptKeys; requireSigned?: boolean } {
  const keys = new Map<string, string>();
  for (const text of values.all('signer')) {
    const [, keyid, publicKey] = /^([^=]{1,128})=(.+)$/.exec(text) ?? [];
    if (keyid === undefined || publicKey === undefined || keys.has(keyid)) {
      throw new ConsumerError(
        'BAD_ARGUMENT',
        `--signer is ${JSON.stringify(text)}: expected KEYID=PUBLICKEY, each key id once`,
      );
    }
    keys.set(keyid, publicKey);
  }
  const requireSigned = values.flag('require-signed');
  if (keys.size > 0) return { receiptKeys: createReceiptKeys(keys), requireSigned };
  if (!requireSigned) return {};
  throw new ConsumerError(
    'BAD_ARGUMENT',
    '--require-signed needs --signer KEYID=PUBLICKEY: the keys of those who sign',
  );
}

type Asking = Pick<CommandContext, 'values' | 'output'>;

/** The heads of --expect-file for a verification of the ledger. @param orgid null: of every chain */
export async function expectedOfLedger({ values, output }: Asking, orgid: string | null): Promise<KeptHeads> {
  const kept = await readHeadFiles(values.all('expect-file'));
  if (orgid === null) return kept;
  return new Map([[orgid, headsOf({ values, output }, kept, orgid)]]);
}

/** The heads of --expect-file for a file, whose chain they name when --org does not. */
export async function expectedOfFile(
  { values, output }: Asking,
  orgid: string | undefined,
): Promise<{ readonly orgid?: string; readonly heads: readonly Expectation[] }> {
  if (values.all('expect-file').length === 0) return { heads: [] };
  const kept = await readHeadFiles(values.all('expect-file'));
  const [only] = kept.keys();
  const chain = orgid ?? (kept.size === 1 ? only : undefined);
  if (chain === undefined)
    throw new ConsumerError(
      'BAD_ARGUMENT',
      `--expect-file has heads of ${kept.size} organizations: --org ID says whose chain the file is`,
    );
  return { orgid: chain, heads: headsOf({ values, output }, kept, chain) };
}

/** @throws ConsumerError BAD_ARGUMENT when there is none: nothing would be compared */
function headsOf({ values, output }: Asking, kept: KeptHeads, orgid: string): readonly Expectation[] {
  if (values.all('expect-file').length === 0) return [];
  const heads = kept.get(orgid);
  if (heads === undefined) throw new ConsumerError('BAD_ARGUMENT', `--expect-file has no head of ${orgid}`);
  const others = kept.size - 1;
  if (others > 0)
    output.note(`waybill: --expect-file has heads of ${others} other organizations, which are not compared`);
  return heads;
}
