/** `waybill verify --bill`: a bill is judged offline. */
import {
  type BillReplay,
  createLineSplitter,
  type Expectation,
  MAX_BILL_BYTES,
  type ReceiptKeys,
  verifyBill,
  VERDICT_EXIT_CODES,
} from '@waybill/schema';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { keyidOf } from '../bill/bill-signer.ts';
import { ConsumerError } from '../errors.ts';
import { nodeSha256 } from '../sha256.ts';
import { TZ_VERSION } from '../zone.ts';
import { createReceiptKeys } from '../verify/receipt-keys.ts';
import { billLines } from './bill-text.ts';
import type { CommandContext, Values } from './command.ts';

export interface BillCheck {
  readonly expect: readonly Expectation[];
  readonly fromSeq: number;
}

/** @returns the exit code */
export async function verifyBillFile(
  { values, output }: CommandContext,
  { expect, fromSeq }: BillCheck,
): Promise<number> {
  const file = readBillFile(values.text('bill') ?? '');
  const keys = billKeys(values);
  const parts = values.all('replay');
  const replay: BillReplay = { lines: linesOf(parts), fromSeq };
  const report = reading(() =>
    verifyBill(file, {
      expect,
      tz: TZ_VERSION,
      sha256: nodeSha256,
      ...(keys && { keys }),
      ...(parts.length > 0 && { replay }),
    }),
  );
  if (values.flag('json')) await output.json(report);
  else await output.text(billLines(report));
  return VERDICT_EXIT_CODES[report.verdict];
}

/** One byte more than a bill may have shows that the file is none. */
function readBillFile(name: string): Uint8Array {
  return reading(() => {
    if (name === '-') return readFileSync(0).subarray(0, MAX_BILL_BYTES + 1);
    const descriptor = openSync(name, 'r');
    try {
      const buffer = Buffer.alloc(MAX_BILL_BYTES + 1);
      let length = 0;
      for (;;) {
        const read = readSync(descriptor, buffer, length, buffer.length - length, null);
        length += read;
        if (read === 0 || length === buffer.length) return buffer.subarray(0, length);
      }
    } finally {
      closeSync(descriptor);
    }
  });
}

/** The lines of a chain's parts, oldest first, read while they are verified. */
function* linesOf(names: readonly string[]): Generator<Uint8Array> {
  for (const name of names) {
    const descriptor = openSync(name, 'r');
    try {
      const splitter = createLineSplitter();
      const buffer = Buffer.alloc(1 << 20);
      for (let read = readSync(descriptor, buffer); read > 0; read = readSync(descriptor, buffer))
        yield* splitter.push(Uint8Array.from(buffer.subarray(0, read)));
      const rest = splitter.finish();
      if (rest) yield rest;
    } finally {
      closeSync(descriptor);
    }
  }
}

function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const { code, path } = cause as NodeJS.ErrnoException;
    if (code === undefined || !/^E[A-Z]+$/.test(code)) throw cause;
    throw new ConsumerError('CANNOT_READ', `could not read ${path ?? 'a file'}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** `KEY`, or `ID=KEY` for a key that the issuer has named. */
function billKeys(values: Values): ReceiptKeys | null {
  const keys = new Map<string, string>();
  for (const text of values.all('key')) {
    // Base64 has equals signs too, at its end.
    const [, given, publicKey = text] = /^([^=]{1,128})=([^=].*)$/.exec(text) ?? [];
    keys.set(given ?? keyidOf(Buffer.from(publicKey, 'base64')), publicKey);
  }
  return keys.size === 0 ? null : createReceiptKeys(keys);
}
