import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyJson } from '../test-support/json.ts';
import { canonicalJson } from './canonical.ts';
import type { Json, JsonObject } from './json.ts';
import { readMessage, type Reading, REJECTIONS } from './message.ts';
import { transferOf } from './transfer.ts';

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
const read = (value: unknown, subject = SUBJECT) => readMessage(subject, bytesOf(value));

describe('events', () => {
  it('are read whatever their layout', () => {
    const reading = readMessage(SUBJECT, bytesOf(JSON.stringify(event, null, 2)));
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
    expect(read({ ...event, producer: 'p', sequence: '9007199254740991' })).toMatchObject({
      ok: true,
      origin: { producer: 'p', sequence: 9007199254740991 },
    });
  });

  it("may be Chainloop's, with or without an organization in the subject", () => {
    expect(read(cas, 'audit.casartifact.casartifactuploaded')).toMatchObject({ ok: true, orgid: 'acme', origin: null });
    expect(read(cas, 'audit.casartifact.casartifactuploaded.acme')).toMatchObject({ ok: true });
    expect(read({ ...cas, producer: 'p', sequence: '1' }, 'audit.casartifact.casartifactuploaded')).toMatchObject({
      ok: true,
      origin: null,
    });
  });

  it('may be of any type that nobody here knows', () => {
    expect(read({ ...event, type: 'a.b', data: {} }, 'audit.a.b.acme')).toMatchObject({ ok: true });
  });
});

describe('garbage', () => {
  const deep = (n: number): string => `{"a":`.repeat(n) + '1' + '}'.repeat(n);
  it.each<[string, string, unknown, string, string]>([
    ['nothing', SUBJECT, '', 'not_json', 'is not JSON'],
    ['text', SUBJECT, 'hello', 'not_json', 'is not JSON'],
    ['an astral character', SUBJECT, '😀', 'not_json', 'is not JSON'],
    ['a list', SUBJECT, [], 'not_an_event', 'expected an object, got an array'],
    ['null', SUBJECT, null, 'not_an_event', 'expected an object, got null'],
    ['1 MiB', SUBJECT, 'x'.repeat(1_048_576), 'too_large', 'has 1048576 bytes'],
    ['what grows when printed', SUBJECT, `[${'1e20,'.repeat(10_000)}1]`, 'too_large', 'as canonical JSON'],
    ['10,000 levels', SUBJECT, deep(10_000), 'not_canonical', 'nested more than 64'],
    ['10,000 open brackets', SUBJECT, '['.repeat(10_000), 'not_json', 'is not JSON'],
    [
      '2^53+1',
      SUBJECT,
      JSON.stringify(event).replace('"size_bytes":5', '"size_bytes":9007199254740993'),
      'not_exact',
      'a number of 16 characters',
    ],
    [
      '1e400',
      SUBJECT,
      JSON.stringify(event).replace('"size_bytes":5', '"size_bytes":1e400'),
      'not_exact',
      'a number of 5 characters',
    ],
    [
      'a doubled member',
      SUBJECT,
      JSON.stringify(event).replace('"size_bytes"', '"digest":"x","size_bytes"'),
      'not_exact',
      'the member "digest" twice',
    ],
    [
      'a lone surrogate',
      SUBJECT,
      JSON.stringify({ ...event, actorid: '\ud800' }),
      'not_canonical',
      '/actorid is a string with a lone surrogate',
    ],
    ['a lone surrogate in a name', SUBJECT, '{"\\ud800":1}', 'not_canonical', 'lone surrogate'],
    ['a name of 60,000 characters', SUBJECT, `{"${'\ufeff'.repeat(20_000)}":"\\ud800"}`, 'not_canonical', 'cannot be'],
    ['__proto__', SUBJECT, `{"__proto__":${JSON.stringify(event)}}`, 'not_an_event', 'orgid is undefined'],
    [
      'an own __proto__',
      SUBJECT,
      JSON.stringify(event).replace('{', '{"__proto__":{},'),
      'not_an_event',
      '"__proto__" is no attribute name',
    ],
    ['wrong types', SUBJECT, { ...event, orgid: 7 }, 'not_an_event', 'orgid is a number'],
    [
      'wrong data',
      SUBJECT,
      { ...event, data: { digest: 'x' } },
      'not_an_event',
      'data.digest is a string of 1 characters',
    ],
    [
      'a size as text',
      SUBJECT,
      { ...event, data: { digest, size_bytes: '5' } },
      'not_an_event',
      'data.size_bytes is a string of 1 characters',
    ],
    [
      'another organization',
      SUBJECT,
      { ...event, orgid: 'other' },
      'not_an_event',
      'orgid is not what the subject says, which is "acme"',
    ],
    [
      'another type',
      SUBJECT,
      { ...event, type: 'casartifact.downloaded' },
      'not_an_event',
      'type is not what the subject says, which is "casartifact.uploaded"',
    ],
    [
      "an event on Chainloop's subject",
      'audit.casartifact.uploaded',
      event,
      'not_an_event',
      'not what the subject says, which is undefined',
    ],
    ['a subject of one token', 'audit.x', event, 'bad_subject', '"audit.x"'],
    ['a bad organization in the subject', 'audit.a.b._system', event, 'bad_subject', '_system'],
    ['a subject that is cut in a surrogate pair', `audit.${'😀'.repeat(100)}`, event, 'bad_subject', 'subject "audit.'],
    [
      'Chainloop without an organization',
      'audit.user.x',
      { EventType: 'AUDIT_EVENT', Timestamp: 'x', Data: { ActionType: 'x', TargetType: 'User', OrgID: null } },
      'not_an_event',
      'Data.OrgID is null',
    ],
    [
      'Chainloop with another organization',
      'audit.casartifact.x.other',
      cas,
      'not_an_event',
      'Data.OrgID is not what the subject says',
    ],
    [
      'Chainloop volume on another subject',
      'audit.release.approved.acme',
      cas,
      'not_an_event',
      'Data.TargetType is "CASArtifact"',
    ],
    [
      'Chainloop with a bad digest',
      'audit.casartifact.x',
      { ...cas, Data: { ...cas.Data, Info: { digest: 'x' } } },
      'not_an_event',
      'Data.Info.digest is a string of 1 characters',
    ],
    [
      'Chainloop with a negative size',
      'audit.casartifact.x',
      { ...cas, Data: { ...cas.Data, Info: { digest: 'a'.repeat(64), size_bytes: -1 } } },
      'not_an_event',
      'Data.Info.size_bytes is a number: Too small',
    ],
    [
      'Chainloop without Info',
      'audit.casartifact.x',
      { ...cas, Data: { ...cas.Data, Info: null } },
      'not_an_event',
      'Data.Info is null',
    ],
  ])('%s', (_name, subject, payload, reason, detail) => {
    const reading = read(payload, subject);
    expect(reading).toMatchObject({ ok: false, reason, detail: expect.stringContaining(detail) });
  });

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
        const reading = readMessage(subject, bytes);
        expect(readMessage(subject, bytes)).toEqual(reading);
        if (reading.ok) return;
        expect(REJECTIONS).toContain(reading.reason);
        expect(reading.reason).not.toBe('unexpected');
        expect(reading.detail.length).toBeLessThanOrEqual(500);
        expect(() => canonicalJson(reading.detail as Json)).not.toThrow();
      }),
      { numRuns: 3000 },
    );
  });
});
