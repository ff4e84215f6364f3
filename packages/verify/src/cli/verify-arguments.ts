/** What the options of `waybill verify` say: heads that are held, keys of signers, and where to begin. */
import {
  type Expectation,
  isChainName,
  ORGID_PATTERN,
  type ReceiptKeys,
  SYSTEM_CHAIN,
  UNATTRIBUTED_CHAIN,
} from '@waybill/schema/verify';
import { VerifyError } from '../errors.ts';
import { type KeptHeads, readHeadFiles } from '../input/read-heads.ts';
import { createReceiptKeys, keyidOf } from '../judge/receipt-keys.ts';
import type { CommandWords } from '../command-words.ts';
import type { Output } from './output.ts';
import { type Values, wholeNumber } from './values.ts';

export function fromSeq(values: Values): number {
  const seq = wholeNumber('from-seq', values.text('from-seq'), 1);
  if (seq < 1) throw new VerifyError('BAD_ARGUMENT', '--from-seq is 0: entries are numbered from 1');
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
      throw new VerifyError(
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
      throw new VerifyError(
        'BAD_ARGUMENT',
        `--signer is ${JSON.stringify(text)}: expected KEYID=PUBLICKEY, each key id once`,
      );
    }
    keys.set(keyid, publicKey);
  }
  const requireSigned = values.flag('require-signed');
  if (keys.size > 0) return { receiptKeys: createReceiptKeys(keys), requireSigned };
  if (!requireSigned) return {};
  throw new VerifyError('BAD_ARGUMENT', '--require-signed needs --signer KEYID=PUBLICKEY: the keys of those who sign');
}

/** What a command was asked, and where it answers. */
export interface Asking {
  readonly values: Values;
  readonly output: Output;
  readonly words: CommandWords;
}

/** `--org`: the chain that it has to be. @throws VerifyError BAD_ARGUMENT */
export function chainName(values: Values): string | undefined {
  const orgid = values.text('org');
  if (orgid === undefined || isChainName(orgid)) return orgid;
  throw new VerifyError(
    'BAD_ARGUMENT',
    `--org is ${JSON.stringify(orgid)}: expected ${ORGID_PATTERN.source}, ${SYSTEM_CHAIN} or ${UNATTRIBUTED_CHAIN}`,
  );
}

/** `KEY`, or `ID=KEY` for a key that the issuer has named. null: none was given. @throws VerifyError BAD_ARGUMENT */
export function billKeys(values: Values): ReceiptKeys | null {
  const keys = new Map<string, string>();
  for (const text of values.all('key')) {
    // Base64 has equals signs too, at its end.
    const [, given, publicKey = text] = /^([^=]{1,128})=([^=].*)$/.exec(text) ?? [];
    const keyid = given ?? keyidOf(Buffer.from(publicKey, 'base64'));
    if ((keys.get(keyid) ?? publicKey) !== publicKey)
      throw new VerifyError('BAD_ARGUMENT', `--key is ${JSON.stringify(text)}: another key of this id was given`);
    keys.set(keyid, publicKey);
  }
  return keys.size === 0 ? null : createReceiptKeys(keys);
}

/** The heads of --expect-file for a verification of the ledger. @param orgid null: of every chain */
export async function expectedOfLedger(asking: Asking, orgid: string | null): Promise<KeptHeads> {
  const kept = await readHeadFiles(asking.values.all('expect-file'));
  if (orgid === null) return kept;
  return new Map([[orgid, headsOf(asking, kept, orgid)]]);
}

/** The heads of --expect-file for a file, whose chain they name when --org does not. */
export async function expectedOfFile(
  asking: Asking,
  orgid: string | undefined,
): Promise<{
  readonly orgid?: string;
  readonly heads: readonly Expectation[];
  /** With --system: those of _system. */
  readonly system: readonly Expectation[];
}> {
  const names = asking.values.all('expect-file');
  if (names.length === 0) return { heads: [], system: [] };
  const all = await readHeadFiles(names);
  const isAsked = asking.values.all('system').length > 0;
  const system = (isAsked ? all.get(SYSTEM_CHAIN) : undefined) ?? [];
  const kept = new Map([...all].filter(([one]) => !isAsked || one !== SYSTEM_CHAIN));
  if (kept.size === 0) return { heads: [], system };
  const [only] = kept.keys();
  const chain = orgid ?? (kept.size === 1 ? only : undefined);
  if (chain === undefined)
    throw new VerifyError(
      'BAD_ARGUMENT',
      `--expect-file has heads of ${kept.size} organizations: --org ID says whose chain the file is`,
    );
  return { orgid: chain, heads: headsOf(asking, kept, chain), system };
}

/** @throws VerifyError BAD_ARGUMENT when there is none: nothing would be compared */
export function headsOf({ values, output, words }: Asking, kept: KeptHeads, orgid: string): readonly Expectation[] {
  if (values.all('expect-file').length === 0) return [];
  const heads = kept.get(orgid);
  if (heads === undefined) throw new VerifyError('BAD_ARGUMENT', `--expect-file has no head of ${orgid}`);
  const others = kept.size - 1;
  if (others > 0)
    output.note(`${words.name}: --expect-file has heads of ${others} other organizations, which are not compared`);
  return heads;
}
