/** Reads the line of an entry. `docs/reference/format.md` §6 to §8 specify its form. */
import { SchemaError, show } from '../error.ts';
import { isProducerseq } from '../event/origin.ts';
import { isReservedChain, SYSTEM_CHAIN } from '../event/subject.ts';
import { isJsonObject, type Json, type JsonObject } from '../json/json.ts';
import { parseJson } from '../json/parse-json.ts';
import type { Core, Entry } from './entry.ts';
import { createShapeCheck, isCount, isDecimal, isHash, isOrgid, isProducer, TOTALS_MEMBERS } from './shape.ts';
import { VOLUME_KINDS } from './volume.ts';

const { only, check, checkTotals } = createShapeCheck('NOT_AN_ENTRY');

/**
 * Reads one line and checks its shape. Whether its hashes are right is for `verify` to check.
 *
 * @throws SchemaError NOT_AN_ENTRY naming the field and the value; NEWER_VERSION
 */
export function parseEntry(line: string): Entry {
  let value: Json;
  try {
    value = parseJson(line);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // The platform's own message quotes the text, and differs between versions.
    throw new SchemaError('NOT_AN_ENTRY', 'is not JSON');
  }
  const entry = only(value, 'entry', ['core', 'event', 'hash']);
  checkCore(entry['core']);
  check(isHash(entry['hash']), 'hash', entry['hash'], '64 hexadecimal characters');
  check(entry['event'] === null || isJsonObject(entry['event']), 'event', entry['event'], 'an object or null');
  return value as unknown as Entry;
}

/**
 * Checks the form of an entry's core, wherever it stands.
 *
 * @throws SchemaError NOT_AN_ENTRY naming the field and the value; NEWER_VERSION
 */
export function checkCore(value: Json | undefined): Core {
  checkVersion(value);
  const core = only(value, 'core', CORE_MEMBERS);
  const source = only(core['source'], 'source', withOptional(SOURCE_MEMBERS, core['source'], 'index'));
  const totals = only(core['totals'], 'totals', TOTALS_MEMBERS);
  check(isOrgid(core['orgid']), 'core.orgid', core['orgid'], 'an organization');
  check(isCount(core['seq']), 'core.seq', core['seq'], 'an integer from 1');
  check(isHash(core['prev_hash']), 'core.prev_hash', core['prev_hash'], '64 hexadecimal characters');
  check(isHash(core['event_hash']), 'core.event_hash', core['event_hash'], '64 hexadecimal characters');
  check(isReceived(core['received']), 'core.received', core['received'], 'RFC 3339 UTC with milliseconds');
  check(isText(source['stream']), 'source.stream', source['stream'], 'a stream name');
  check(isText(source['subject']), 'source.subject', source['subject'], 'a subject');
  check(isCount(source['seq']), 'source.seq', source['seq'], 'an integer from 1');
  check(isIndex(source['index']), 'source.index', source['index'], 'an integer from 0 to 255');
  checkOrigin(core);
  checkTotals(totals);
  checkVolume(core['volume'], core);
  return core as unknown as Core;
}

const CORE_MEMBERS = [
  'v',
  'orgid',
  'seq',
  'prev_hash',
  'received',
  'source',
  'origin',
  'event_hash',
  'volume',
  'totals',
];
const SOURCE_MEMBERS = ['stream', 'seq', 'subject'];

/** Checked first, because this code does not know the members of a later version. @throws SchemaError NEWER_VERSION */
function checkVersion(core: Json | undefined): void {
  const v = isJsonObject(core) ? core['v'] : undefined;
  if (v === 1) return;
  if (isCount(v))
    throw new SchemaError('NEWER_VERSION', `core.v is ${show(v)}: version 1 is the one that is known here`);
  if (isJsonObject(core) && 'v' in core) check(false, 'core.v', v, '1');
}

/** The members, with the optional one when the value has it. */
function withOptional(members: readonly string[], value: Json | undefined, optional: string): readonly string[] {
  return isJsonObject(value) && Object.hasOwn(value, optional) ? [...members, optional] : members;
}

function checkOrigin({ orgid, origin }: JsonObject): void {
  if (origin === null) return;
  const { producer, producerseq } = only(origin, 'core.origin', ['producer', 'producerseq']);
  check(isProducer(producer), 'core.origin.producer', producer, 'a boot id');
  check(isProducerseq(producerseq), 'core.origin.producerseq', producerseq, 'a decimal string from "1" to 2^53-1');
  check(orgid !== SYSTEM_CHAIN, 'core.origin', origin, `null in ${SYSTEM_CHAIN}`);
}

/** The rules of a volume that hold whatever its event says. The event may be erased. */
function checkVolume(value: Json | undefined, { orgid, seq }: JsonObject): void {
  const volume = only(value, 'volume', withOptional(['kind', 'bytes'], value, 'from'));
  check(KINDS.has(volume['kind']), 'volume.kind', volume['kind'], VOLUME_KINDS.join(', '));
  check(
    volume['bytes'] === null || isDecimal(volume['bytes']),
    'volume.bytes',
    volume['bytes'],
    'a decimal string or null',
  );
  const { kind, bytes, from } = volume;
  check(bytes === null || Number.isSafeInteger(Number(bytes)), 'volume.bytes', bytes, 'at most 2^53-1');
  check(kind !== 'none' || bytes === null, 'volume.bytes', bytes, 'null, because nothing was moved');
  check(!isReservedChain(orgid as string) || kind === 'none', 'volume.kind', kind, `none in ${show(orgid)}`);
  if (from === undefined) return;
  check(isCount(from) && (from as number) < (seq as number), 'volume.from', from, 'the seq of an earlier entry');
  check(kind === 'deduplicated' && bytes !== null, 'volume.from', from, 'none: no size was taken');
}

const KINDS: ReadonlySet<unknown> = new Set(VOLUME_KINDS);

function isText(value: unknown): boolean {
  // A text with a lone surrogate is a text too. It has no canonical form, which is checked elsewhere.
  return typeof value === 'string';
}

/** RFC 3339, UTC, milliseconds: the only form, so that earlier times are smaller texts. */
export const RECEIVED_PATTERN = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;

/** A time in the form of `received`. */
export function isReceived(value: unknown): boolean {
  return typeof value === 'string' && RECEIVED_PATTERN.test(value);
}

/** The highest `source.index`: that of the last event in a message with as many events as a message can hold. */
export const MAX_INDEX = 255;

function isIndex(value: unknown): boolean {
  return value === undefined || (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_INDEX);
}
