import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DOCS, fencedBlocks } from '../../test-support/docs.ts';
import { anyEventChange, changedBy } from '../../test-support/event.ts';
import { anyJson } from '../../test-support/json.ts';
import { defineEvent } from '../event/define-event.ts';
import { transferOf } from '../event/transfer.ts';
import { BUILT_IN_EVENTS } from '../event/types/built-in.ts';
import { readMessage } from '../internal.ts';
import { canonicalJson } from '../json/canonical.ts';
import type { Json, JsonObject } from '../json/json.ts';
import { createDataCheck } from './data-check.ts';
import type { Reading } from './read-message.ts';
import { REJECTIONS } from './rejection.ts';
import { z } from 'zod';

const SUBJECT = 'audit.casartifact.uploaded.acme';
const digest = `sha256:${'a'.repeat(64)}`;
const event: JsonObject = {
  specversion: '1.0',
  id: '01997b3c-0000-7000-8000-000000000001',
  source: '//cas.example/artifact-cas',
  type: 'casartifact.uploaded',
  time: '2026-01-01T00:00:00.000Z',
  orgid: 'acme',
  data: { digest, size_bytes: 5 },
};
const cas = {
  EventType: 'AUDIT_EVENT',
  Timestamp: '2026-01-01T00:00:00Z',
  Data: {
    ActionType: 'CASArtifactUploaded',
    TargetType: 'CASArtifact',
    OrgID: 'acme',
    Info: { digest: 'a'.repeat(64) },
  },
};
const encoder = new TextEncoder();
const bytesOf = (value: unknown): Uint8Array =>
  encoder.encode(typeof value === 'string' ? value : JSON.stringify(value));
/** Of a message that is no array. */
function readBytes(subject: string, payload: Uint8Array): Reading {
  const message = readMessage(subject, payload);
  if (message.form !== 'single') throw new Error('an array');
  return message.reading;
}
const read = (value: unknown, subject = SUBJECT): Reading => readBytes(subject, bytesOf(value));
const without = (object: JsonObject, name: string): JsonObject =>
  Object.fromEntries(Object.entries(object).filter(([member]) => member !== name));

describe('events', () => {
  it('are read whatever their layout', () => {
    const reading = readBytes(SUBJECT, bytesOf(JSON.stringify(event, null, 2)));
    const transfer = transferOf(event);
    expect(reading).toEqual({
      ok: true,
      orgid: 'acme',
      event,
      canonical: canonicalJson(event),
      origin: null,
      transfer,
    });
    // Of one that is canonical already, the event is made when it is asked for.
    const { ok, event: made, ...rest } = read(canonicalJson(event)) as Reading & { ok: true };
    expect([ok, made]).toEqual([true, event]);
    expect(rest).toEqual({ orgid: 'acme', canonical: canonicalJson(event), origin: null, transfer });
  });

  it("say where they stand in their publisher's count", () => {
    expect(read({ ...event, producer: 'p', producerseq: '9007199254740991' })).toMatchObject({
      ok: true,
      origin: { producer: 'p', producerseq: 9007199254740991 },
    });
  });

  it("may be Chainloop's, with or without an organization in the subject", () => {
    expect(read(cas, 'audit.casartifact.casartifactuploaded')).toMatchObject({ ok: true, orgid: 'acme', origin: null });
    expect(read(cas, 'audit.casartifact.casartifactuploaded.acme')).toMatchObject({ ok: true });
    expect(read({ ...cas, producer: 'p', producerseq: '1' }, 'audit.casartifact.casartifactuploaded')).toMatchObject({
      ok: true,
      origin: null,
    });
  });

  it('may be of any type that nobody here knows', () => {
    expect(read({ ...event, type: 'a.b', data: {} }, 'audit.a.b.acme')).toMatchObject({ ok: true });
  });
});

describe('events of others', () => {
  const foreign: JsonObject = {
    specversion: '1.0',
    id: 'A234-1234-1234',
    source: 'urn:example:builds',
    type: 'com.Example.Release.Approved',
    orgid: 'acme',
  };
  const RELEASE = 'audit.release.approved.acme';
  const expectTaken = (change: JsonObject, subject = RELEASE): void => {
    const value = { ...foreign, ...change };
    expect(read(value, subject)).toMatchObject({
      ok: true,
      orgid: 'acme',
      event: value,
      canonical: canonicalJson(value),
    });
  };

  it.each<[string, JsonObject]>([
    ['nothing but what CloudEvents requires', {}],
    ['a time with an offset', { time: '2026-01-01T00:00:00+01:00' }],
    ['a time in nanoseconds', { time: '2026-01-01T00:00:00.123456789Z' }],
    ['a leap second', { time: '2016-12-31T23:59:60Z' }],
    ['a time in lower case', { time: '2024-02-29t00:00:00z' }],
    [
      'members that are null',
      { time: null, subject: null, data: null, orgunit: null, outcome: null, claimedorg: null },
    ],
    ['data that is text', { data: 'approved', datacontenttype: 'text/plain' }],
    ['data that is a number', { data: 7 }],
    ['data that is an array', { data: [1, { a: [] }] }],
    ['data of another schema', { dataschema: 'https://example.org/schema', data: {} }],
    ['data in base64', { data_base64: 'AQID/w==', datacontenttype: 'application/octet-stream' }],
    ['no bytes in base64', { data_base64: '' }],
    ['extensions', { region: '', active: false, count: -(2 ** 31), most: 2 ** 31 - 1, ['x'.repeat(64)]: 'x' }],
    ['control characters', { subject: '\u0000\u0085\uffff' }],
    [
      'attributes of ours in another form',
      { actortype: 'robot', outcome: 'ok', signature: true, keyid: 7, traceparent: '' },
    ],
    ['a source that is no reference', { source: 'a b' }],
  ])('are taken as they were sent: %s', (_, change) => expectTaken(change));

  it.each([
    ['release.approved', RELEASE],
    ['RELEASE.APPROVED', RELEASE],
    ['com.example.release.approved', RELEASE],
    ['..release.approved', RELEASE],
    ['io.x/Release:v2.Über_uns', 'audit.io-x-release-v2.-ber_uns.acme'.replace('io-x-', 'x-')],
    ['a.😀', 'audit.a.-.acme'],
    ['a.\u212a', 'audit.a.-.acme'],
  ])('belong, by the last two tokens of their type, %s, on %s', (type, subject) => expectTaken({ type }, subject));

  it.each([
    'approved',
    'approved.release',
    'release.approved.',
    'release..approved',
    'release approved',
    'xrelease.approved',
  ])('belong on no other subject: %s', (type) =>
    expect(read({ ...foreign, type }, RELEASE)).toEqual({
      ok: false,
      reason: 'not_an_event',
      detail: 'type: ends with the target and the action of the subject',
    }),
  );

  it('have an origin in our form, or none', () => {
    const origin = (more: JsonObject) => (read({ ...foreign, ...more }, RELEASE) as Reading & { ok: true }).origin;
    expect(origin({ producer: 'p', producerseq: '7' })).toEqual({ producer: 'p', producerseq: 7 });
    for (const more of [
      { producer: 'p' },
      { producerseq: '7' },
      { producer: 'p', producerseq: 7 },
      { producer: 'p', producerseq: '07' },
      { producer: 'p', producerseq: '9007199254740992' },
      { producer: '-p', producerseq: '7' },
      { producer: null, producerseq: '7' },
      { producer: 'p', sequence: '7' },
    ])
      expect(origin(more)).toBeNull();
  });

  it('have a volume only as our own types', () => {
    const data = { digest, size_bytes: 5 };
    const transfer = (type: string) => (read({ ...foreign, type, data }) as Reading & { ok: true }).transfer;
    expect(transfer('casartifact.uploaded')).toEqual({ kind: 'upload', digest, bytes: 5 });
    expect(transfer('com.example.casartifact.uploaded')).toBeNull();
    expect(transfer('CASArtifact.Uploaded')).toBeNull();
  });
});

describe('failed transfers', () => {
  const failed = (data: JsonObject, type = 'casartifact.uploaded'): Reading =>
    read({ ...event, type, outcome: 'failure', data: { digest, size_bytes: 5, ...data } }, `audit.${type}.acme`);

  it('are worth what they say to have moved', () => {
    expect(failed({})).toMatchObject({ ok: true, transfer: null });
    expect(failed({ transferred_bytes: 3 })).toMatchObject({
      ok: true,
      transfer: { kind: 'upload', digest, bytes: 3, failed: true },
    });
    expect(failed({ transferred_bytes: 0 }, 'casartifact.downloaded')).toMatchObject({
      ok: true,
      transfer: { kind: 'download', digest, bytes: 0, failed: true },
    });
    expect(failed({ transferred_bytes: 3, skipped: true })).toMatchObject({ ok: true, transfer: null });
  });

  it('alone may say so', () => {
    const data = { digest, transferred_bytes: 3 };
    for (const more of [{}, { outcome: 'success' }, { outcome: 'Failure' }])
      expect(read({ ...event, ...more, data })).toMatchObject({
        ok: false,
        detail: 'data.transferred_bytes: with the outcome failure only',
      });
    expect(failed({ transferred_bytes: -1 })).toMatchObject({ ok: false });
    expect(failed({ transferred_bytes: 1.5 })).toMatchObject({ ok: false });
  });
});

describe('events without an organization', () => {
  const UNATTRIBUTED = 'audit.casartifact.uploaded._unattributed';

  it('say what was claimed, and move nothing that counts', () => {
    const value = { ...event, orgid: '_unattributed', claimedorg: 'Acme, Inc.' };
    expect(read(value, UNATTRIBUTED)).toMatchObject({ ok: true, orgid: '_unattributed', event: value, transfer: null });
    expect(read({ ...value, claimedorg: '' }, UNATTRIBUTED)).toMatchObject({ ok: true });
    expect(read({ ...value, claimedorg: '\u{1f600}'.repeat(128) }, UNATTRIBUTED)).toMatchObject({ ok: true });
    for (const claimedorg of ['x'.repeat(257), 7, null])
      expect(read({ ...value, claimedorg }, UNATTRIBUTED)).toMatchObject({ ok: false, reason: 'not_an_event' });
    expect(read({ ...value, orgid: 'acme' })).toMatchObject({ ok: false, reason: 'not_an_event' });
    expect(read(without(value, 'claimedorg'), UNATTRIBUTED)).toMatchObject({ ok: false, reason: 'not_an_event' });
    expect(read(value)).toMatchObject({ ok: false, reason: 'not_an_event' });
  });

  it.each([[{ OrgID: null }], [{ OrgID: '' }], [{}]])("are Chainloop's with %j", (orgid) => {
    const { OrgID: _, ...data } = cas.Data;
    const value = { ...cas, Data: { ...data, ...orgid } };
    for (const subject of ['audit.casartifact.x', 'audit.casartifact.x._unattributed'])
      expect(read(value, subject)).toMatchObject({ ok: true, orgid: '_unattributed', transfer: null });
    expect(read(value, 'audit.casartifact.x.acme')).toMatchObject({ ok: false, reason: 'not_an_event' });
  });
});

it("Chainloop's events need no Info", () => {
  for (const Info of [null, undefined]) {
    const value = { ...cas, Data: { ...cas.Data, Info } };
    expect(read(value, 'audit.casartifact.x')).toMatchObject({ ok: true, orgid: 'acme', transfer: null });
  }
});

const deep = (n: number): string => `{"a":`.repeat(n) + '1' + '}'.repeat(n);
const RUN = 'audit.run.failed.acme';
const run = { ...event, type: 'run.failed', data: { name: 'n', duration_ms: 1 } };
const inCas = (Info: Json): Json => ({ ...cas, Data: { ...cas.Data, Info } });

/** A message for each text that can stand in a record's `detail`; with those of `dataTexts`, all there are. */
const GARBAGE: readonly [name: string, subject: string, payload: unknown, reason: string, detail: string][] = [
  ['nothing', SUBJECT, '', 'not_json', 'is not JSON'],
  ['text', SUBJECT, 'hello', 'not_json', 'is not JSON'],
  ['escapes for a terminal', SUBJECT, '\u001b[2J', 'not_json', 'is not JSON'],
  ['null', SUBJECT, null, 'not_an_event', 'an event is an object'],
  ['1 MiB', SUBJECT, 'x'.repeat(1_048_576), 'too_large', 'has more than 65536 bytes'],
  [
    'what grows when printed',
    SUBJECT,
    `{"a":[${'1e20,'.repeat(10_000)}1]}`,
    'too_large',
    'has more than 65536 bytes as canonical JSON',
  ],
  ['10,000 levels', SUBJECT, deep(10_000), 'not_canonical', 'has more than 64 levels'],
  [
    '2^53+1',
    SUBJECT,
    JSON.stringify(event).replace(':5', ':9007199254740993'),
    'not_exact',
    'has a number that a double would change',
  ],
  [
    '1e400',
    SUBJECT,
    JSON.stringify(event).replace(':5', ':1e400'),
    'not_exact',
    'has a number that a double would change',
  ],
  [
    'a doubled member',
    SUBJECT,
    JSON.stringify(event).replace('"size_bytes"', '"digest":"x","size_bytes"'),
    'not_exact',
    'has a member twice',
  ],
  [
    'a lone surrogate',
    SUBJECT,
    JSON.stringify({ ...event, actorid: '\ud800' }),
    'not_canonical',
    'has a lone surrogate',
  ],
  ['a lone surrogate in a name', SUBJECT, '{"\\ud800":1}', 'not_canonical', 'has a lone surrogate'],
  ['__proto__', SUBJECT, `{"__proto__":${JSON.stringify(event)}}`, 'not_an_event', 'specversion: "1.0"'],
  [
    'an own __proto__',
    SUBJECT,
    JSON.stringify(event).replace('{', '{"__proto__":"x",'),
    'not_an_event',
    'an attribute has a name other than 1 to 64 of a-z and 0-9',
  ],
  [
    'a name of null that is none',
    SUBJECT,
    { ...event, Zone: null },
    'not_an_event',
    'an attribute has a name other than 1 to 64 of a-z and 0-9',
  ],
  ['another version', SUBJECT, { ...event, specversion: '0.3' }, 'not_an_event', 'specversion: "1.0"'],
  ['no id', SUBJECT, { ...event, id: null }, 'not_an_event', 'id: a non-empty string'],
  ['an empty source', SUBJECT, { ...event, source: '' }, 'not_an_event', 'source: a non-empty string'],
  ['a type that is a number', SUBJECT, { ...event, type: 7 }, 'not_an_event', 'type: a non-empty string'],
  [
    'no organization',
    SUBJECT,
    without(event, 'orgid'),
    'not_an_event',
    'orgid: the id of an organization, or _unattributed',
  ],
  [
    'a bad organization',
    SUBJECT,
    { ...event, orgid: '_system' },
    'not_an_event',
    'orgid: the id of an organization, or _unattributed',
  ],
  [
    'a day that does not exist',
    SUBJECT,
    { ...event, time: '2026-02-29T00:00:00.000Z' },
    'not_an_event',
    'time: RFC 3339',
  ],
  ['a time that is a number', SUBJECT, { ...event, time: 7 }, 'not_an_event', 'time: RFC 3339'],
  ['an empty subject', SUBJECT, { ...event, subject: '' }, 'not_an_event', 'subject: a non-empty string'],
  [
    'a dataschema that is a number',
    SUBJECT,
    { ...event, dataschema: 7 },
    'not_an_event',
    'dataschema: a non-empty string',
  ],
  [
    'an empty datacontenttype',
    SUBJECT,
    { ...event, datacontenttype: '' },
    'not_an_event',
    'datacontenttype: a non-empty string',
  ],
  [
    'an extension that is an object',
    SUBJECT,
    { ...event, ext: {} },
    'not_an_event',
    'an attribute is neither a string, nor a boolean, nor an integer of 32 bits',
  ],
  [
    'a number of 33 bits',
    SUBJECT,
    { ...event, ext: 2 ** 31 },
    'not_an_event',
    'an attribute is neither a string, nor a boolean, nor an integer of 32 bits',
  ],
  [
    'a fraction',
    SUBJECT,
    { ...event, signature: 1.5 },
    'not_an_event',
    'an attribute is neither a string, nor a boolean, nor an integer of 32 bits',
  ],
  ['data twice', SUBJECT, { ...event, data_base64: '' }, 'not_an_event', 'data_base64: not together with data'],
  [
    'bad base64',
    RUN,
    { ...without(run, 'data'), data_base64: 'AQI' },
    'not_an_event',
    'data_base64: base64 with padding',
  ],
  [
    'a claim beside an organization',
    SUBJECT,
    { ...event, claimedorg: 'x' },
    'not_an_event',
    'claimedorg: with the organization _unattributed, and with no other',
  ],
  [
    'a claim of 257 units',
    'audit.casartifact.uploaded._unattributed',
    { ...event, orgid: '_unattributed', claimedorg: 'x'.repeat(257) },
    'not_an_event',
    'claimedorg: a string of 0 to 256 UTF-16 units',
  ],
  [
    'another organization',
    SUBJECT,
    { ...event, orgid: 'other' },
    'not_an_event',
    'orgid: the organization of the subject',
  ],
  [
    "an event on Chainloop's subject",
    'audit.casartifact.uploaded',
    event,
    'not_an_event',
    'orgid: the organization of the subject',
  ],
  [
    'another type',
    SUBJECT,
    { ...event, type: 'casartifact.downloaded' },
    'not_an_event',
    'type: ends with the target and the action of the subject',
  ],
  [
    'one event for the subject of several',
    'audit.casartifact.batch.acme',
    event,
    'not_an_event',
    'subject: an array, where the action is batch',
  ],
  [
    "Chainloop's for the subject of several",
    'audit.casartifact.batch.acme',
    cas,
    'not_an_event',
    'subject: an array, where the action is batch',
  ],
  ['no data', SUBJECT, without(event, 'data'), 'not_an_event', 'data: an object'],
  [
    'data in base64 of a type of ours',
    SUBJECT,
    { ...without(event, 'data'), data_base64: 'e30=' },
    'not_an_event',
    'data: an object',
  ],
  [
    'bytes of a transfer that succeeded',
    SUBJECT,
    { ...event, data: { digest, transferred_bytes: 3 } },
    'not_an_event',
    'data.transferred_bytes: with the outcome failure only',
  ],
  [
    'a subject of one token',
    'audit.x',
    event,
    'bad_subject',
    'subject: <prefix>.<target>.<action>, perhaps with .<orgid>',
  ],
  [
    'a bad organization in the subject',
    'audit.a.b._system',
    event,
    'bad_subject',
    'subject: <prefix>.<target>.<action>, perhaps with .<orgid>',
  ],
  [
    'a subject that is cut in a surrogate pair',
    `audit.${'😀'.repeat(100)}`,
    event,
    'bad_subject',
    'subject: <prefix>.<target>.<action>, perhaps with .<orgid>',
  ],
  ['an array of none', SUBJECT, '[ ]', 'not_an_event', 'an array of events has at least one'],
  ['an array of 257', SUBJECT, `[${'0,'.repeat(256)}0]`, 'too_large', 'has more than 256 events'],
  ['an array of 256 KiB and a byte', SUBJECT, `[${' '.repeat(262_143)}]`, 'too_large', 'has more than 262144 bytes'],
  ['10,000 open brackets', SUBJECT, '['.repeat(10_000), 'not_json', 'is not JSON'],
  [
    'Chainloop without a time',
    'audit.user.x',
    { ...cas, Timestamp: '' },
    'not_an_event',
    'Timestamp: a non-empty string',
  ],
  ['Chainloop without data', 'audit.user.x', { ...cas, Data: null }, 'not_an_event', 'Data: an object'],
  [
    'Chainloop without an action',
    'audit.user.x',
    { ...cas, Data: without(cas.Data, 'ActionType') },
    'not_an_event',
    'Data.ActionType: a non-empty string',
  ],
  [
    'Chainloop without a target',
    'audit.user.x',
    { ...cas, Data: { ...cas.Data, TargetType: 1 } },
    'not_an_event',
    'Data.TargetType: a non-empty string',
  ],
  [
    'Chainloop with a bad organization',
    'audit.user.x',
    { ...cas, Data: { ...cas.Data, OrgID: 'a.b' } },
    'not_an_event',
    'Data.OrgID: the id of an organization, or absent, null or empty',
  ],
  [
    'Chainloop with another organization',
    'audit.casartifact.x.other',
    cas,
    'not_an_event',
    'Data.OrgID: the organization of the subject',
  ],
  [
    'Chainloop volume on another subject',
    'audit.release.approved.acme',
    cas,
    'not_an_event',
    'subject: the target casartifact, for the events of artifacts',
  ],
  [
    'Chainloop with text for Info',
    'audit.casartifact.x',
    inCas('x'),
    'not_an_event',
    'Data.Info: an object, or absent, or null',
  ],
  [
    'Chainloop with a bad digest',
    'audit.casartifact.x',
    inCas({ digest: 'x' }),
    'not_an_event',
    'Data.Info.digest: 64 lower-case hexadecimal characters',
  ],
  [
    'Chainloop with an empty digest',
    'audit.casartifact.x',
    inCas({ digest: '' }),
    'not_an_event',
    'Data.Info.digest: 64 lower-case hexadecimal characters',
  ],
  [
    'Chainloop with a negative size',
    'audit.casartifact.x',
    inCas({ digest: 'a'.repeat(64), size_bytes: -1 }),
    'not_an_event',
    'Data.Info.size_bytes: an integer from 0 to 9007199254740991',
  ],
  [
    'Chainloop with a bad flag',
    'audit.casartifact.x',
    inCas({ digest: 'a'.repeat(64), skipped: null }),
    'not_an_event',
    'Data.Info.skipped: a boolean',
  ],
];

/** A good value of each member of built-in data that is not just text. */
const GOOD: Readonly<Record<string, Json>> = {
  digest,
  size_bytes: 1,
  transferred_bytes: 1,
  skipped: true,
  duration_ms: 1,
  status: 200,
  aborted: true,
  input: {},
  entries: 1,
  requests: 1,
};

const dataTexts = [
  'data.digest: sha256: and 64 lower-case hexadecimal characters',
  ...['size_bytes', 'transferred_bytes', 'entries'].map(
    (name) => `data.${name}: an integer from 0 to 9007199254740991`,
  ),
  'data.requests: an integer from 1 to 9007199254740991',
  'data.status: an integer from 100 to 999',
  'data.duration_ms: a number from 0 to 9007199254740991',
  ...['skipped', 'aborted'].map((name) => `data.${name}: a boolean`),
  'data.input: an object',
  ...['file_name', 'route'].map((name) => `data.${name}: a string of 1 to 1024 UTF-16 units`),
  ...['name', 'reviewer', 'reason'].map((name) => `data.${name}: a string of 1 to 256 UTF-16 units`),
  ...['backend_type', 'action', 'operation', 'from', 'to', 'token', 'format', 'verdict', 'expires'].map(
    (name) => `data.${name}: a string of 1 to 64 UTF-16 units`,
  ),
  'data.method: a string of 1 to 32 UTF-16 units',
  ...['error_name', 'error_code'].map((name) => `data.${name}: a string of 0 to 128 UTF-16 units`),
  'data.error_message: a string of 0 to 1024 UTF-16 units',
  'data.reason: a string of 0 to 4096 UTF-16 units',
];
const TEXTS: ReadonlySet<string> = new Set([
  ...GARBAGE.map(([, , , , detail]) => detail),
  ...dataTexts,
  'is not UTF-8',
  'data: what the schema of its type says',
]);

describe('garbage', () => {
  it.each(GARBAGE)('%s', (_name, subject, payload, reason, detail) => {
    expect(read(payload, subject)).toEqual({ ok: false, reason, detail });
  });

  it('is told of in the words that docs/format.md lists', () => {
    const [listed = ''] = fencedBlocks(join(DOCS, 'format.md'), 'text details');
    expect(listed.trimEnd().split('\n')).toEqual([...TEXTS, 'reading it failed'].toSorted());
  });

  it('that is not UTF-8', () => {
    expect(readBytes(SUBJECT, Uint8Array.of(0x22, 0xff, 0x22))).toEqual({
      ok: false,
      reason: 'not_json',
      detail: 'is not UTF-8',
    });
  });

  it('of a type of ours is called by the member and the rule, and by nothing of the event', () => {
    const found = new Set<string>();
    for (const { type, data } of BUILT_IN_EVENTS) {
      for (const name of Object.keys(data.shape)) {
        for (const value of [{ esc: '\u001b[2J' }, 'x'.repeat(5_000), -1, 1.5, '', [], 2 ** 53, 'sha256:x']) {
          const good = Object.fromEntries(
            Object.keys(data.shape).map((member) => [member, GOOD[`${type} ${member}`] ?? GOOD[member] ?? 'x']),
          );
          const outcome = 'failure';
          const message = { ...event, type, outcome, data: { ...good, [name]: value } };
          const reading = read(message, `audit.${type}.acme`);
          if (reading.ok) continue;
          expect(reading.reason).toBe('not_an_event');
          found.add(reading.detail);
        }
      }
    }
    expect([...found].toSorted()).toEqual(dataTexts.toSorted());
  });

  it('by a schema of the consumer says nothing of what that says', () => {
    const loud = defineEvent({ type: 'release.approved', data: z.object({ version: z.string('\u001b[2J') }) });
    const ours = defineEvent({ type: 'run.started', data: z.object({ team: z.string() }) });
    const artifact = defineEvent({ type: 'casartifact.uploaded', data: z.object({ file_name: z.string() }) });
    const checkData = createDataCheck([loud, ours, artifact]);
    const readWith = (type: string, data: Json) =>
      readMessage(`audit.${type}.acme`, bytesOf({ ...event, type, data }), { checkData });
    const refused = { ok: false, reason: 'not_an_event', detail: 'data: what the schema of its type says' };
    expect(readWith('release.approved', { version: 7 })).toEqual({ form: 'single', reading: refused });
    expect(readWith('release.approved', null)).toEqual({ form: 'single', reading: refused });
    expect(readWith('release.approved', { version: '1' })).toMatchObject({ reading: { ok: true } });
    // One of a type of ours adds to our schema, and takes nothing from it.
    const quick = readMessage(SUBJECT, bytesOf(canonicalJson(event)), { checkData });
    expect(quick).toEqual({ form: 'single', reading: refused });
    expect(readWith('run.started', { name: 'n' })).toEqual({ form: 'single', reading: refused });
    expect(readWith('run.started', { team: 't' })).toMatchObject({
      reading: { detail: expect.stringContaining('data.name') },
    });
    expect(readWith('run.started', { name: 'n', team: 't' })).toMatchObject({ reading: { ok: true } });
  });

  it('is the same in whatever layout it was sent', () => {
    let taken = 0;
    fc.assert(
      fc.property(fc.array(anyEventChange, { maxLength: 3 }), (changes) => {
        const changed = changes.reduce(changedBy, { ...event, producer: 'p', producerseq: '1' } as JsonObject);
        const { orgid, type } = changed;
        const owner = orgid === '_unattributed' || orgid === 'bolt' ? orgid : 'acme';
        const subject = typeof type === 'string' && /^[a-z]+\.[a-z]+$/.test(type) ? `audit.${type}.${owner}` : SUBJECT;
        let canonical: string;
        try {
          canonical = canonicalJson(changed);
        } catch {
          return;
        }
        const quick = readBytes(subject, bytesOf(canonical));
        const slow = readBytes(subject, bytesOf(` ${canonical}`));
        expect({ ...quick, event: null }).toEqual({ ...slow, event: null });
        if (!quick.ok || !slow.ok) return;
        taken++;
        expect(quick.event).toEqual(slow.event);
      }),
      { numRuns: 20_000 },
    );
    expect(taken).toBeGreaterThan(2_000);
  }, 240_000);

  it('of any bytes and any JSON gives a reason that can stand in an entry, and the same each time', () => {
    const payload = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      anyJson.map(bytesOf),
      fc
        .tuple(fc.constantFrom(...Object.keys(event), 'ext', 'Data', 'EventType'), anyJson)
        .map(([name, value]) => bytesOf({ ...event, [name]: value })),
      fc.tuple(fc.nat(300), fc.nat(255)).map(([at, byte]) => bytesOf(event).with(at % 200, byte)),
      fc.string({ unit: 'binary' }).map(bytesOf),
      anyJson.map((Info) => bytesOf({ ...cas, Data: { ...cas.Data, Info } })),
    );
    fc.assert(
      fc.property(fc.constantFrom(SUBJECT, 'audit.casartifact.uploaded', 'x'), payload, (subject, bytes) => {
        const message = readMessage(subject, bytes);
        expect(readMessage(subject, bytes)).toEqual(message);
        const readings = message.form === 'single' ? [message.reading] : message.elements.map(({ reading }) => reading);
        for (const reading of readings) {
          if (reading.ok) continue;
          expect(REJECTIONS).toContain(reading.reason);
          expect(reading.reason).not.toBe('unexpected');
          expect(TEXTS).toContain(reading.detail);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
