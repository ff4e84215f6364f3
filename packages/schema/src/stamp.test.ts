import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { anyJson } from '../test-support/json.ts';
import { canonicalJson } from './canonical.ts';
import { defineEvent } from './define-event.ts';
import { parseExactJson } from './exact-json.ts';
import { readMessage } from './message.ts';
import { createDataCheck, stampEvent, utf8Length } from './stamp.ts';
import { formatEventSubject } from './subject.ts';

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
      'time is null: expected a valid Date',
    );
    expect(() => make({ orgid: 'acme', digest, time: new Date(8.64e15) })).toThrow('time is "+275760');
  });

  it('keeps names of Object.prototype in data', () => {
    const fields = JSON.parse(
      '{"orgid":"acme","version":"1","constructor":"c","toString":1,"__proto__":{"x":1}}',
    ) as unknown;
    const { text } = make(fields, 'release.approved');
    expect(text).toContain('"data":{"__proto__":{"x":1},"constructor":"c","toString":1,"version":"1"}');
  });

  it.each<[Record<string, unknown> | null, string, string]>([
    [null, 'NOT_AN_EVENT', 'fields is null'],
    [{ digest }, 'NOT_AN_EVENT', 'orgid is undefined'],
    [{ orgid: 'acme' }, 'NOT_AN_EVENT', 'data.digest is undefined'],
    [{ orgid: 'acme', digest: 'sha256:AB' }, 'NOT_AN_EVENT', 'data.digest is "sha256:AB"'],
    [{ orgid: 'acme', digest, size_bytes: -1 }, 'NOT_AN_EVENT', 'data.size_bytes is -1'],
    [{ orgid: 'acme', digest, size_bytes: 1.5 }, 'NOT_AN_EVENT', 'data.size_bytes is 1.5'],
    [{ orgid: 'acme', digest, size_bytes: 2 ** 53 }, 'NOT_AN_EVENT', 'data.size_bytes is 9007199254740992'],
    [{ orgid: 'acme', digest, size_bytes: Number.NaN }, 'NOT_AN_EVENT', 'data.size_bytes is null'],
    [{ orgid: 'acme', digest, id: 'x' }, 'NOT_AN_EVENT', 'the publisher sets id'],
    [{ orgid: 'acme', digest, producerseq: '7' }, 'NOT_AN_EVENT', 'the publisher sets producerseq'],
    [{ orgid: 'acme', digest, data: {} }, 'NOT_AN_EVENT', 'the publisher sets data'],
    [{ orgid: 'acme', digest, extra: { deep: [undefined] } }, 'NOT_CANONICAL', '/data/extra/deep/0 is a undefined'],
    [{ orgid: 'acme', digest, file_name: '\ud800' }, 'NOT_CANONICAL', '/data/file_name'],
    [{ orgid: 'acme', digest, extra: 'x'.repeat(65_536) }, 'TOO_LARGE', 'at most 65536 are allowed'],
  ])('refuses %.60j', (fields, code, message) => {
    expect(() => make(fields)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }) as Error,
    );
  });
});

it('utf8Length counts bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(utf8Length(text)).toBe(Buffer.byteLength(text));
    }),
  );
});
