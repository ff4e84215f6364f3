import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyJson } from '../../test-support/json.ts';
import { defineEvent } from '../event/define-event.ts';
import { formatEventSubject } from '../event/subject.ts';
import { createTextStamp } from '../internal.ts';
import { canonicalJson } from '../json/canonical.ts';
import { parseExactJson } from '../json/exact-json.ts';
import { utf8Length } from '../json/utf8.ts';
import { createDataCheck } from './data-check.ts';
import { readMessage } from './read-message.ts';
import { stampEvent } from './stamp.ts';
import { z } from 'zod';

const stamp = {
  id: '01997b3c-0000-7000-8000-000000000001',
  source: '//cas.example/artifact-cas',
  time: '2026-01-01T00:00:00.000Z',
  producer: 'boot-1',
  producerseq: '1',
};
const digest = `sha256:${'a'.repeat(64)}`;
const check = createDataCheck([
  defineEvent({ type: 'release.approved', data: z.looseObject({ version: z.string() }) }),
]);
const make = (fields: unknown, type = 'casartifact.uploaded') => stampEvent(type, fields, stamp, check);

describe('stampEvent', () => {
  it('puts attributes beside data and gives canonical text', () => {
    const { event, text } = make({
      orgid: 'acme',
      actorid: 'u1',
      digest,
      size_bytes: 1024,
      skipped: false,
      file_name: undefined,
    });
    expect(event).toEqual({
      specversion: '1.0',
      type: 'casartifact.uploaded',
      ...stamp,
      orgid: 'acme',
      actorid: 'u1',
      data: { digest, size_bytes: 1024, skipped: false },
    });
    expect(text).toBe(canonicalJson(event as never));
    expect(parseExactJson(text).value).toEqual(event);
  });

  it('makes what readMessage reads, whatever the data', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[A-Z_ü]{1,9}$/), anyJson), (data) => {
        const { text } = make({ orgid: 'acme', version: '1', ...data }, 'release.approved');
        const subject = formatEventSubject({ type: 'release.approved', orgid: 'acme' });
        const reading = { ok: true, canonical: text, origin: { producer: 'boot-1', producerseq: 1 } };
        expect(readMessage(subject, new TextEncoder().encode(text))).toMatchObject({ form: 'single', reading });
      }),
    );
  });

  it('takes a Date for the time', () => {
    expect(make({ orgid: 'acme', digest, time: new Date(1) }).event.time).toBe('1970-01-01T00:00:00.001Z');
    expect(() => make({ orgid: 'acme', digest, time: new Date(Number.NaN) })).toThrow(
      'time is an object: expected a valid Date',
    );
    expect(() => make({ orgid: 'acme', digest, time: new Date(8.64e15) })).toThrow('time is a string of');
  });

  it.each([
    ['casartifact.uploaded', { digest }],
    ['release.approved', { version: '1' }],
  ])('leaves out undefined members of data, and prints undefined items as null, as JSON does: %s', (type, data) => {
    const fields = { orgid: 'acme', ...data, extra: { deep: [undefined], none: undefined } };
    expect(make(fields, type).text).toContain('"extra":{"deep":[null]}');
  });

  it('keeps names of Object.prototype in data', () => {
    const fields = JSON.parse(
      '{"orgid":"acme","version":"1","constructor":"c","toString":1,"__proto__":{"x":1}}',
    ) as unknown;
    const { text } = make(fields, 'nobodys.type');
    expect(text).toContain('"data":{"__proto__":{"x":1},"constructor":"c","toString":1,"version":"1"}');
    const artifact = JSON.parse(`{"orgid":"acme","digest":"${digest}","__proto__":{"x":1}}`) as unknown;
    expect(make(artifact).text).toContain(`"data":{"__proto__":{"x":1},"digest":"${digest}"}`);
    // Of other types, zod leaves `__proto__` out, even of a loose object.
    expect(make(fields, 'release.approved').text).toContain('"data":{"constructor":"c","toString":1,"version":"1"}');
  });

  it.each<[Record<string, unknown> | null, string, string]>([
    [null, 'NOT_AN_EVENT', 'fields is null'],
    [{ digest }, 'NOT_AN_EVENT', 'orgid is undefined'],
    [{ orgid: 'acme' }, 'NOT_AN_EVENT', 'data.digest is undefined'],
    [
      { orgid: 'acme', digest: 'sha256:AB' },
      'NOT_AN_EVENT',
      'data.digest is a string of 9 characters: sha256: and 64 lower-case hexadecimal characters',
    ],
    [{ orgid: 'acme', digest, size_bytes: -1 }, 'NOT_AN_EVENT', 'data.size_bytes is a number: an integer from 0 to'],
    [{ orgid: 'acme', digest, size_bytes: 1.5 }, 'NOT_AN_EVENT', 'data.size_bytes is a number: an integer from 0 to'],
    [
      { orgid: 'acme', digest, size_bytes: 2 ** 53 },
      'NOT_AN_EVENT',
      'data.size_bytes is a number: an integer from 0 to',
    ],
    [{ orgid: 'acme', digest, size_bytes: Number.NaN }, 'NOT_AN_EVENT', 'data.size_bytes is a number'],
    [{ orgid: 'acme', digest, id: 'x' }, 'NOT_AN_EVENT', 'the publisher sets id'],
    [{ orgid: 'acme', digest, producerseq: '7' }, 'NOT_AN_EVENT', 'the publisher sets producerseq'],
    [{ orgid: 'acme', digest, data: {} }, 'NOT_AN_EVENT', 'the publisher sets data'],
    [{ orgid: 'acme', digest, extra: { deep: [1n] } }, 'NOT_CANONICAL', '/data/extra/deep/0 is a bigint'],
    [{ orgid: 'acme', digest, other: '\ud800' }, 'NOT_CANONICAL', '/data/other'],
    [{ orgid: 'acme', digest, extra: 'x'.repeat(65_536) }, 'TOO_LARGE', 'at most 65536 are allowed'],
  ])('refuses %.60j', (fields, code, message) => {
    expect(() => make(fields)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }) as Error,
    );
  });
});

describe('data', () => {
  const publish = (data: z.ZodObject, fields: object, rest: { actorRequired?: boolean } = {}) => {
    const own = createDataCheck([defineEvent({ type: 'a.b', data, ...rest })]);
    const given = { orgid: 'acme', ...fields };
    const { event, text } = stampEvent('a.b', given, stamp, own);
    expect(text).toBe(canonicalJson(event as never));
    const textOf = createTextStamp(own);
    // Twice: the second time its layout is known.
    for (let i = 0; i < 2; i++) expect(textOf('a.b', given, stamp)).toBe(text);
    return event.data;
  };

  it('is what the schema returns', () => {
    expect(publish(z.object({ a: z.string() }), { a: 'x', secret: 'y' })).toEqual({ a: 'x' });
    expect(publish(z.looseObject({ a: z.string() }), { a: 'x', more: 1 })).toEqual({ a: 'x', more: 1 });
    expect(publish(z.object({ b: z.string().trim().toUpperCase() }), { b: ' x ' })).toEqual({ b: 'X' });
    expect(publish(z.object({ n: z.string().transform(Number) }), { n: '7' })).toEqual({ n: 7 });
    expect(publish(z.object({ a: z.string().default('d') }), {})).toEqual({ a: 'd' });
    expect(
      publish(z.object({ z: z.object({ b: z.int(), a: z.int() }), a: z.int() }), { z: { a: 1, b: 2, c: 3 }, a: 1 }),
    ).toEqual({ z: { a: 1, b: 2 }, a: 1 });
    const holes = z.string().transform(() => ({ x: undefined, y: [undefined, { z: undefined }] }));
    expect(publish(z.object({ holes }), { holes: 'x' })).toEqual({ holes: { y: [null, {}] } });
  });

  it('what the schema returns has to be JSON, and what it throws is not said', () => {
    const later = z.object({ at: z.string().transform((text) => new Date(text)) });
    expect(() => publish(later, { at: '2026-01-01' })).toThrow('/data/at is an object that is not plain');
    const throwing = z.string().transform((text) => {
      throw new RangeError(`no ${text}`);
    });
    expect(() => publish(z.object({ key: throwing }), { key: 'hunter2' })).toThrow('data: its schema threw RangeError');
  });

  it('keeps what timed() and dispatcher() add, whatever the schema says of other members', () => {
    const added = { claimed_org: 'a.b', degraded: 'org_malformed', duration_ms: 1 };
    expect(publish(z.object({ a: z.string() }), { a: 'x', b: 'y', ...added })).toEqual({ a: 'x', ...added });
    expect(publish(z.strictObject({ a: z.string() }), { a: 'x', ...added })).toEqual({ a: 'x', ...added });
    expect(() => publish(z.object({ degraded: z.int() }), added)).toThrow('data.degraded is a string');
  });

  it('of a built-in type is what the built-in schema says, whatever a definition of its own says', () => {
    const own = createDataCheck([defineEvent({ type: 'casartifact.uploaded', data: z.object({ tag: z.string() }) })]);
    const stamped = (fields: object) => stampEvent('casartifact.uploaded', { orgid: 'acme', ...fields }, stamp, own);
    const data = { digest, size_bytes: 5, tag: 't' };
    const { text, event } = stamped({ ...data, file_name: 'f'.repeat(1_025), other: 1 });
    expect(event.data).toEqual({ ...data, file_name: `${'f'.repeat(1_023)}…` });
    expect(readMessage('audit.casartifact.uploaded.acme', Buffer.from(text), { checkData: own })).toMatchObject({
      reading: { ok: true },
    });
    expect(() => stamped({ ...data, digest: 'x' })).toThrow('data.digest is a string of 1 characters: sha256:');
    expect(() => stamped({ digest, size_bytes: 5 })).toThrow('data.tag is undefined');
    for (const check of [own, createDataCheck()]) {
      const partly = { orgid: 'acme', ...data, transferred_bytes: 3 };
      expect(() => stampEvent('casartifact.uploaded', partly, stamp, check)).toThrow('with the outcome failure only');
      expect(() => stampEvent('casartifact.uploaded', { ...partly, outcome: 'failure' }, stamp, check)).not.toThrow();
    }
  });

  it('requires an actor where the definition says so', () => {
    const data = z.object({ a: z.string() });
    const required = { actorRequired: true };
    for (const actor of [{ actortype: 'USER', actorid: 'u-7' }, { actortype: 'SYSTEM' }]) {
      expect(publish(data, { a: 'x', ...actor }, required)).toEqual({ a: 'x' });
    }
    for (const [actor, missing] of [
      [{}, 'actortype'],
      [{ actorid: 'u-7' }, 'actortype'],
      [{ actortype: 'USER' }, 'actorid'],
      [{ actortype: 'USER', actorid: '' }, 'actorid'],
    ] as const) {
      const message = `${missing} is undefined: a.b requires an actor`;
      expect(() => publish(data, { a: 'x', ...actor }, required)).toThrow(message);
      expect(() =>
        createTextStamp(createDataCheck([defineEvent({ type: 'a.b', data, ...required })]))(
          'a.b',
          { orgid: 'acme', a: 'x', ...actor },
          stamp,
        ),
      ).toThrow(message);
    }
  });

  it('no error says what a value was', () => {
    const secret = 'hunter2-hunter2';
    const bad: object[] = [
      { digest: secret },
      { digest, size_bytes: secret },
      { digest, actortype: secret },
      { digest, outcome: secret },
      { digest, orgid: `${secret} ` },
      { digest, time: secret },
      { digest, id: secret },
      { digest, skipped: [secret] },
      { digest, actorid: { secret } },
      { digest, more: [secret, Number.NaN] },
    ];
    for (const fields of bad) {
      let message = 'no error';
      try {
        make({ orgid: 'acme', ...fields });
      } catch (error) {
        message = String(error);
      }
      expect(message).toMatch(/^SchemaError/);
      expect(message).not.toContain('hunter2');
    }
    for (const text of [`{"a": ${secret}}`, `{"a":"${secret}`, `"${secret}" x`, `[12345678901234567890]`]) {
      expect(() => parseExactJson(text)).toThrow(/^(?!.*(hunter2|1234)).*$/);
    }
  });
});

it('utf8Length counts bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(utf8Length(text)).toBe(Buffer.byteLength(text));
    }),
  );
});
