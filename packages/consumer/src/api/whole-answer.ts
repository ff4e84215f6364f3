import { printableJson } from '@waybill/schema/internal';
import type { ReadNote, WholeAnswer } from './reader.ts';

/** The bytes that `waybill … --json` prints for the same value. */
export function jsonText(value: unknown): string {
  return `${printableJson(JSON.stringify(value))}\n`;
}

/** An answer that may be another one next time. */
export function jsonAnswer(value: unknown, read?: ReadNote): WholeAnswer {
  return { kind: 'whole', form: 'application/json', text: jsonText(value), isFinal: false, ...(read && { read }) };
}
