/**
 * Prints the core of the next entry. It gives what `printNextCore` (`ledger/running-head.ts`) gives. Members stand in
 * their sorted order, so nothing is sorted, and texts that recur in many entries are made once. `print-entry.test.ts`
 * holds the two together.
 *
 * The text has as few pieces as possible, because V8 joins them all when the text is hashed.
 */
import { canonicalJson } from '../json/canonical.ts';
import { createTextMemo } from '../json/text-memo.ts';
import type { NextCore } from '../ledger/entry.ts';
import type { RunningHead } from '../ledger/running-head.ts';
import type { Volume, VolumeKind } from '../ledger/volume.ts';

export function printCore(head: RunningHead, { source, origin, eventHash, volume }: NextCore): string {
  return `{"event_hash":"${eventHash}","orgid":"${head.orgid}","origin":${formatOrigin(origin)}${head.hash}${formatTime(head.received)}${head.seq}${formatIndex(source.index)}${source.seq}${formatPlace(source.subject, source.stream)}${head.formatTotals()}${formatVolume(volume)}`;
}

let lastProducer: string | null = null;
let lastProducerText = '';

/** From the origin to the hash of the entry before. Names of publishers have no characters that JSON escapes. */
function formatOrigin(origin: NextCore['origin']): string {
  if (origin === null) return 'null,"prev_hash":"';
  if (origin.producer !== lastProducer) {
    lastProducer = origin.producer;
    lastProducerText = ['{"producer":"', lastProducer, '","producerseq":"'].join('');
  }
  return `${lastProducerText}${origin.producerseq}"},"prev_hash":"`;
}

let lastTime: string | null = null;
let lastTimeText = '';

/** From the hash of the entry before to the entry's number: the same in all entries of a millisecond. */
function formatTime(received: string): string {
  if (received !== lastTime) {
    lastTime = received;
    lastTimeText = `","received":"${received}","seq":`;
  }
  return lastTimeText;
}

/** From the entry's number to that of its message. */
function formatIndex(index: number | undefined): string {
  return index === undefined ? ',"source":{"seq":' : `,"source":{"index":${index},"seq":`;
}

/** From the message's number to the totals: the same in many entries. */
const formatPlace = createTextMemo((subject, stream) =>
  [',"stream":', canonicalJson(stream), ',"subject":', canonicalJson(subject), '},"totals":'].join(''),
);

/** From the totals to the end. */
function formatVolume({ bytes, from, kind }: Volume): string {
  const start = bytes === null ? ',"v":1,"volume":{"bytes":null' : `,"v":1,"volume":{"bytes":"${bytes}"`;
  return from === undefined ? start + END_OF_VOLUME[kind] : `${start},"from":${from}${END_OF_VOLUME[kind]}`;
}

const END_OF_VOLUME: Readonly<Record<VolumeKind, string>> = {
  upload: ',"kind":"upload"}}',
  download: ',"kind":"download"}}',
  deduplicated: ',"kind":"deduplicated"}}',
  none: ',"kind":"none"}}',
};
