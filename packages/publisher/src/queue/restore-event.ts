import { Buffer } from 'node:buffer';
import type { PendingEvent } from '../pending-event.ts';
import type { SegmentRecord } from '../spool/segment-file.ts';
import { memoryOf } from './memory-bounds.ts';

/** What goes into lines of the protocol. Whoever may write to the directory may not write anything else there. */
const VISIBLE = /^[!-~]{1,512}$/;

/** Makes an event of a record on disk; null when the record's text is not one that a publisher wrote. */
export function restoreEvent(
  record: SegmentRecord,
  place: Pick<PendingEvent, 'segment' | 'adopted' | 'waiter'>,
): PendingEvent | null {
  const { ordinal, subject, text } = record;
  const event = parse(text);
  if (event === null) return null;
  const { id, type, orgid, producer, producerseq, time, signature } = event;
  if (typeof id !== 'string' || typeof type !== 'string' || typeof orgid !== 'string') return null;
  if (!VISIBLE.test(id) || !VISIBLE.test(subject)) return null;
  // An object may throw when it is converted.
  if (typeof producer !== 'string' || typeof producerseq !== 'string' || typeof time !== 'string') return null;
  const number = Number(producerseq);
  if (!Number.isSafeInteger(number) || number < 1) return null;
  const bytes = Buffer.byteLength(text);
  return {
    ordinal,
    type,
    orgid,
    producer,
    producerseq: number,
    timeMs: Date.parse(time),
    state: 'stamped',
    id,
    fields: null,
    text,
    subject,
    bytes,
    memory: memoryOf(text, bytes),
    unsigned: typeof signature === 'string' ? null : place.adopted ? 'adopted' : 'no_key',
    tries: 0,
    ...place,
  };
}

type Stored = Partial<Record<'id' | 'type' | 'orgid' | 'producer' | 'producerseq' | 'time' | 'signature', unknown>>;

function parse(text: string): Stored | null {
  try {
    return JSON.parse(text) as Stored | null;
  } catch {
    return null;
  }
}
