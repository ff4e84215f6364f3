/**
 * What an answer is as of. A final answer names what it was taken from: the head that the chain had before `to`, or of
 * several chains the hash of all these heads. Nothing else goes into it, so nothing that comes later changes it. Any
 * other answer names a position of the ledger stream, and takes no block after that.
 */
import { ConsumerError } from '../errors.ts';
import { nodeSha256 } from '../sha256.ts';

export type AsOf =
  | { readonly kind: 'position'; readonly position: number }
  /** Of a final answer; it is compared with the one that is found. */
  | { readonly kind: 'final'; readonly text: string };

const POSITION = /^(?:0|[1-9]\d{0,14})$/;
const FINAL = /^(?:(?:0|[1-9]\d{0,15}):|sha256:)[0-9a-f]{64}$/;

/** @throws ConsumerError BAD_ARGUMENT naming `name` */
export function parseAsOf(name: string, text: string): AsOf {
  if (POSITION.test(text)) return { kind: 'position', position: Number(text) };
  if (FINAL.test(text)) return { kind: 'final', text };
  throw new ConsumerError(
    'BAD_ARGUMENT',
    `${name} is ${JSON.stringify(text)}: expected as_of of an earlier answer, or a sequence number of the ledger stream`,
  );
}

interface Head {
  readonly seq: string;
  readonly hash: string;
}

const NO_HEAD: Head = { seq: '0', hash: '0'.repeat(64) };

/** `SEQ:HASH`, as `verify --expect` takes it. */
export function asOfHead(head: Head | null): string {
  const { seq, hash } = head ?? NO_HEAD;
  return `${seq}:${hash}`;
}

/** @param answers of single organizations, sorted; their lines `ORG:SEQ:HASH` are hashed, each with a line feed */
export function asOfHeads(answers: Iterable<{ readonly orgid: string; readonly as_of: string }>): string {
  let lines = '';
  for (const { orgid, as_of } of answers) lines += `${orgid}:${as_of}\n`;
  return `sha256:${nodeSha256(lines)}`;
}

/** @throws ConsumerError BAD_ARGUMENT when the answer is not the one that was asked for */
export function checkAsOf(wanted: AsOf | null, found: string): void {
  if (wanted?.kind !== 'final' || wanted.text === found) return;
  throw new ConsumerError(
    'BAD_ARGUMENT',
    `asOf is ${wanted.text}, and the answer is as of ${found}: another question, another ledger, or not final`,
  );
}
