/** What an entry says about the size of an upload or download, read without parsing the whole entry. */
import type { Volume } from '@waybill/schema';
import { type Json, parseEntry, type Transfer, transferOf } from '@waybill/schema/internal';

export interface Mention {
  readonly seq: number;
  readonly transfer: Transfer;
  readonly volume: Volume;
}

const AROUND_CORE_END = '}},"event":';
const BEFORE_VOLUME = ',"v":1,"volume":';
const TAIL_LENGTH = ',"hash":"'.length + 64 + '"}'.length;

/**
 * What a memory of sizes has to know about an entry that this ledger's writer stored; null when it says nothing about a
 * size.
 *
 * Reading back a chain means reading 65,536 lines. Checking the form of each line again would be most of the work.
 */
export function readMention(line: string): Mention | null {
  const coreEnd = line.indexOf(AROUND_CORE_END);
  const volumeAt = line.lastIndexOf(BEFORE_VOLUME, coreEnd) + BEFORE_VOLUME.length;
  const seq = Number(/"seq":(\d+),"source":/.exec(line)?.[1]);
  // This code did not write it: the parser says what it is, or what is wrong with it.
  if (coreEnd < 0 || volumeAt < BEFORE_VOLUME.length || !Number.isSafeInteger(seq)) return readWhole(line);
  const volumeText = line.slice(volumeAt, coreEnd + 1);
  if (!volumeText.includes('"kind":"upload"') && !volumeText.includes('"from":')) return null;
  const event = line.slice(coreEnd + AROUND_CORE_END.length, -TAIL_LENGTH);
  const transfer = transferOf(JSON.parse(event) as Json);
  return transfer && { seq, transfer, volume: JSON.parse(volumeText) as Volume };
}

/** @throws SchemaError NOT_AN_ENTRY */
function readWhole(line: string): Mention | null {
  const { core, event } = parseEntry(line);
  const transfer = event && transferOf(event);
  return transfer && { seq: core.seq, transfer, volume: core.volume };
}
