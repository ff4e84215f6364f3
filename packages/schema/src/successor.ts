/**
 * The shortcut of verification. Most lines of a ledger are good, and with those there is less to do than to take the
 * line to pieces and to judge each: make the entry again, as the ledger's writer did, from the entry before it and the
 * few things that only the line can say (when and where the message was received, and the event), and compare the texts.
 *
 * A line that is equal byte for byte follows from the entry before it: form, canonical text, hashes, link, number,
 * volume and totals are right, because they were made here. Of any other line nothing is said, and the general way
 * (`verify.ts`) judges it and has the words. So a mistake in looking for the pieces costs time and never a verdict;
 * what must hold is that no value gets in here that the general way refuses. `successor.test.ts` holds the two together.
 */
import { isPlainCanonical } from './canonical-text.ts';
import { type Entry, formatTally, formatVolume } from './entry.ts';
import { TIME_PATTERN } from './event.ts';
import type { Sha256 } from './hash.ts';
import type { JsonObject } from './json.ts';
import { SYSTEM_CHAIN } from './subject.ts';
import { addVolume, DECIMAL_PATTERN, type Tally, type Volume } from './volume.ts';

/** @returns the entry in the line if it is the very line that a writer puts after `last`, which is verified; null: no word on it */
export type SuccessorReader = (line: string, last: Entry) => Entry | null;

/** The volume that the entry `seq` of a chain has by its event and the entries before it; changes nothing. */
export type DeriveVolume = (seq: number, event: JsonObject) => Volume;

const BEFORE_CORE = '{"core":';
const BEFORE_EVENT_HASH = `${BEFORE_CORE}{"event_hash":"`;
const BEFORE_EVENT = ',"event":';
const BEFORE_HASH = ',"hash":"';
const AFTER_HASH = '"}';
const HASH_LENGTH = 64;
const TIME_LENGTH = '2026-01-05T09:00:00.000Z'.length;
/** Strings of these characters print as themselves between quotes. */
const PLAIN = /^[ !#-[\]-~]*$/;

export function createSuccessorReader(sha256: Sha256, deriveVolume: DeriveVolume): SuccessorReader {
  // What is the same in most entries of a chain is made, and looked at, once.
  let orgid = '';
  let beforePrevious = '';
  let stream = '';
  let beforeSubject = '';
  let subject = '';
  const printUploads = createTallyPrinter();
  const printDownloads = createTallyPrinter();
  const printDeduplicated = createTallyPrinter();

  return (line, last) => {
    const { core: before } = last;
    // In `_system` nothing is derived from what the records say.
    if (before.orgid === SYSTEM_CHAIN) return null;
    if (before.orgid !== orgid) {
      orgid = before.orgid;
      beforePrevious = `","orgid":"${orgid}","prev_hash":"`;
    }
    if (before.source.stream !== stream) {
      if (!PLAIN.test(before.source.stream)) return null;
      stream = before.source.stream;
      beforeSubject = `,"stream":"${stream}","subject":"`;
    }

    const afterEventHash = BEFORE_EVENT_HASH.length + HASH_LENGTH;
    let at = pass(line, afterEventHash, beforePrevious);
    at = pass(line, at, last.hash);
    at = pass(line, at, '","received":"');
    if (at === MISS) return null;
    const received = line.slice(at, at + TIME_LENGTH);
    if (!TIME_PATTERN.test(received)) return null;

    const seq = before.seq + 1;
    if (!Number.isSafeInteger(seq)) return null;
    at = pass(line, at + TIME_LENGTH, `","seq":${seq},"source":{"seq":`);
    const sourceSeqText = line.slice(at, line.indexOf(',', at));
    const sourceSeq = Number(sourceSeqText);
    if (at === MISS || !Number.isSafeInteger(sourceSeq) || sourceSeq < 1 || String(sourceSeq) !== sourceSeqText)
      return null;

    at = pass(line, at + sourceSeqText.length, beforeSubject);
    if (at === MISS) return null;
    const subjectEnd = line.indexOf('"', at);
    const found = line.slice(at, subjectEnd);
    if (found !== subject && !PLAIN.test(found)) return null;
    subject = found;

    const eventAt = line.indexOf(`}}${BEFORE_EVENT}`, subjectEnd) + 2 + BEFORE_EVENT.length;
    const eventEnd = line.length - (BEFORE_HASH.length + HASH_LENGTH + AFTER_HASH.length);
    const eventText = line.slice(eventAt, eventEnd);
    if (!eventText.startsWith('{') || !isPlainCanonical(eventText)) return null;
    const event = JSON.parse(eventText) as JsonObject;

    const volume = deriveVolume(seq, event);
    if (!isSize(volume.bytes)) return null;
    const totals = addVolume(before.totals, volume);
    const uploads = printUploads(totals.uploads);
    const downloads = printDownloads(totals.downloads);
    const deduplicated = printDeduplicated(totals.deduplicated);
    if (uploads === null || downloads === null || deduplicated === null) return null;
    if (!DECIMAL_PATTERN.test(totals.events)) return null;
    at = pass(line, subjectEnd, '"},"totals":{"deduplicated":');
    at = pass(line, at, deduplicated);
    at = pass(line, at, ',"downloads":');
    at = pass(line, at, downloads);
    at = pass(line, at, ',"events":"');
    at = pass(line, at, totals.events);
    at = pass(line, at, '","uploads":');
    at = pass(line, at, uploads);
    at = pass(line, at, '},"v":1,"volume":');
    at = pass(line, at, formatVolume(volume));
    const coreEnd = pass(line, at, '}');
    if (coreEnd === MISS || pass(line, coreEnd, BEFORE_EVENT) !== eventAt) return null;

    // Now both ends: the hashes, and what stands around them.
    const eventHash = sha256(eventText);
    at = pass(line, 0, BEFORE_EVENT_HASH);
    if (pass(line, at, eventHash) !== afterEventHash) return null;
    const hash = sha256(line.slice(BEFORE_CORE.length, coreEnd));
    at = pass(line, eventEnd, BEFORE_HASH);
    at = pass(line, at, hash);
    if (pass(line, at, AFTER_HASH) !== line.length) return null;

    const source = { stream, seq: sourceSeq, subject };
    return {
      core: { v: 1, orgid, seq, prev_hash: last.hash, received, source, event_hash: eventHash, volume, totals },
      event,
      hash,
    };
  };
}

const MISS = -1;

/** @returns where the text ends that begins at `at`; MISS: it does not stand there, or something before it did not */
function pass(line: string, at: number, text: string): number {
  if (at === MISS) return MISS;
  const end = at + text.length;
  // V8 compares whole strings several times faster than startsWith() does.
  return line.slice(at, end) === text ? end : MISS;
}

/** A forged event may say any size, also one that cannot be added. */
function isSize(bytes: string | null): boolean {
  return bytes === null || (DECIMAL_PATTERN.test(bytes) && Number.isSafeInteger(Number(bytes)));
}

/** Prints a tally, and the same again without printing: of three an entry changes one. null: a number has too many digits. */
function createTallyPrinter(): (tally: Tally) => string | null {
  let printed: Tally | null = null;
  let text = '';
  return (tally) => {
    if (tally === printed) return text;
    const { bytes, count, unknown } = tally;
    if (!DECIMAL_PATTERN.test(bytes) || !DECIMAL_PATTERN.test(count) || !DECIMAL_PATTERN.test(unknown)) return null;
    printed = tally;
    text = formatTally(tally);
    return text;
  };
}
