/**
 * What may have happened to a bill's file that is no bill. As for chains, it is a note beside the verdict, and the
 * verdict does not depend on it.
 */
import { type BillReport, canonicalJson, type Json, parseBill, SchemaError } from '@waybill/schema/verify';
import { COPY_AGAIN, encodingHint } from './encoding-hint.ts';

const ASK_AGAIN = 'ask the issuer for the file again';

/** @returns null when there is nothing to say */
export function billHint({ statement }: BillReport, bytes: Uint8Array): string | null {
  // A bill that can be read is not what was mangled, also where a replay beside it is unreadable.
  if (statement !== null || bytes.length === 0) return null;
  const encoding = encodingHint(bytes, ASK_AGAIN);
  if (encoding !== null) return encoding;
  const text = Buffer.from(bytes).toString('utf8');
  const object = parse(text);
  if (object === undefined) {
    if (parse(text.trimEnd().split('\n', 1)[0] ?? '') !== undefined)
      return `something follows the bill: two files were joined, or text was added; ${ASK_AGAIN}`;
    return text.trimEnd().endsWith('}') ? null : `the file ends in the middle: ${COPY_AGAIN}`;
  }
  if (isBill(text.replace(/\r\n$/, '\n')))
    return `the line ends with CR LF, as on Windows: remove the CR (tr -d '\\r' < FILE), or ${COPY_AGAIN}, in binary mode`;
  if (isBill(`${text}\n`))
    return `the line feed at the end is lacking: a mail or an editor has removed it; ${COPY_AGAIN}`;
  if (isBill(`${text.trimEnd()}\n`)) return `there are blank lines at the end: an editor has added them; ${COPY_AGAIN}`;
  if (isBill(`${canonical(object)}\n`))
    return `the values are unchanged, and another program (jq, an editor, a database) has written them with other escapes, blanks or order; ${COPY_AGAIN}`;
  return null;
}

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

function canonical(value: Json): string {
  try {
    return canonicalJson(value);
  } catch {
    return '';
  }
}

function isBill(text: string): boolean {
  try {
    parseBill(text);
    return true;
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    return false;
  }
}
