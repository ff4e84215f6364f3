/** Reads an entry's line: its form, as `docs/reference/format.md` §6 to §8 have it. */
import { SchemaError, show } from '../error.ts';
import { isProducerseq, PRODUCER_PATTERN } from '../event/origin.ts';
import { isChainName, isReservedChain, SYSTEM_CHAIN } from '../event/subject.ts';
import { HASH_PATTERN } from '../hash.ts';
import { isJsonObject, type Json, type JsonObject } from '../json/json.ts';
import { parseJson } from '../json/parse-json.ts';
import type { Entry } from './entry.ts';
import { DECIMAL_PATTERN, VOLUME_KINDS } from './volume.ts';

/**
 * Reads one line. Checks its shape only: whether the hashes are right is `verify`'s business.
 *
 * @throws SchemaError NOT_AN_ENTRY naming the field and the value; NEWER_VERSION
 */
export function parseEntry(line: string): Entry {
  let value: Json;
  try {
    value = parseJson(line);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // What the platform says quotes the text, and differs between its versions.
    throw new SchemaError('NOT_AN_ENTRY', 'is not JSON');
  }
  const entry = only(value, 'entry', ['core', 'event', 'hash']);
  checkVersion(entry['core']);
  const core = only(entry['core'], 'core', CORE_MEMBERS);
  const source = only(core['source'], 'source', withOptional(SOURCE_MEMBERS, core['source'], 'index'));
  const totals = only(core['totals'], 'totals', ['events', 'uploads', 'downloads', 'deduplicated']);
  check(isOrgid(core['orgid']), 'core.orgid', core['orgid'], 'an organization');
  check(isCount(core['seq']), 'core.seq', core['seq'], 'an integer from 1');
  check(isHash(core['prev_hash']), 'core.prev_hash', core['prev_hash'], '64 hexadecimal characters');
  check(isHash(core['event_hash']), 'core.event_hash', core['event_hash'], '64 hexadecimal characters');
  check(isHash(entry['hash']), 'hash', entry['hash'], '64 hexadecimal characters');
  check(isReceived(core['received']), 'core.received', core['received'], 'RFC 3339 UTC with milliseconds');
  check(isText(source['stream']), 'source.stream', source['stream'], 'a stream name');
  check(isText(source['subject']), 'source.subject', source['subject'], 'a subject');
  check(isCount(source['seq']), 'source.seq', source['seq'], 'an integer from 1');
  check(isIndex(source['index']), 'source.index', source['index'], 'an integer from 0 to 255');
  checkOrigin(core);
  check(isDecimal(totals['events']), 'totals.events', totals['events'], 'a decimal string');
  for (const name of ['uploads', 'downloads', 'deduplicated']) {
    const tally = only(totals[name], `totals.${name}`, ['count', 'bytes', 'unknown']);
    for (const part of ['count', 'bytes', 'unknown']) {
      check(isDecimal(tally[part]), `totals.${name}.${part}`, tally[part], 'a decimal string');
    }
  }
  checkVolume(core['volume'], core);
  check(entry['event'] === null || isJsonObject(entry['event']), 'event', entry['event'], 'an object or null');
  return value as unknown as Entry;
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

/** Before anything else: what a later version has is not known here. @throws SchemaError NEWER_VERSION */
function checkVersion(core: Json | undefined): void {
  const v = isJsonObject(core) ? core['v'] : undefined;
  if (v === 1) return;
  if (isCount(v))
    throw new SchemaError('NEWER_VERSION', `core.v is ${show(v)}: version 1 is the one that is known here`);
  if (isJsonObject(core) && 'v' in core) check(false, 'core.v', v, '1');
}

/** The members, and one that may be absent if it is there. */
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

/** What a volume can be, whatever its event says: it may be erased. */
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

export function isDecimal(value: unknown): boolean {
  return typeof value === 'string' && DECIMAL_PATTERN.test(value);
}

function isText(value: unknown): boolean {
  // One with a lone surrogate is a text all the same: what it has not is a canonical form.
  return typeof value === 'string';
}

export function isHash(value: unknown): boolean {
  return typeof value === 'string' && HASH_PATTERN.test(value);
}

/** RFC 3339, UTC, milliseconds: the one form, so that earlier times are smaller texts. */
export const RECEIVED_PATTERN = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;

function isReceived(value: unknown): boolean {
  return typeof value === 'string' && RECEIVED_PATTERN.test(value);
}

/** The last event of a message that holds as many as it may. */
export const MAX_INDEX = 255;

function isIndex(value: unknown): boolean {
  return value === undefined || (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_INDEX);
}

export function isProducer(value: unknown): boolean {
  return typeof value === 'string' && PRODUCER_PATTERN.test(value);
}

export function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

/** Whether a chain can have this name. */
export function isOrgid(value: unknown): boolean {
  return typeof value === 'string' && isChainName(value);
}

/** @throws SchemaError NOT_AN_ENTRY unless the value is an object with exactly these members */
function only(value: Json | undefined, name: string, members: readonly string[]): JsonObject {
  if (!isJsonObject(value)) throw new SchemaError('NOT_AN_ENTRY', `${name} is ${show(value)}: expected an object`);
  for (const member of members) {
    if (!Object.hasOwn(value, member)) throw new SchemaError('NOT_AN_ENTRY', `${name} has no ${member}`);
  }
  if (Object.keys(value).length !== members.length) {
    const strange = Object.keys(value).find((member) => !members.includes(member));
    throw new SchemaError('NOT_AN_ENTRY', `${name} has the unknown member ${show(strange)}`);
  }
  return value;
}

function check(ok: boolean, name: string, value: unknown, expected: string): void {
  if (!ok) throw new SchemaError('NOT_AN_ENTRY', `${name} is ${show(value)}: expected ${expected}`);
}
