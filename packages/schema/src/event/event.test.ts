import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { suspicious } from '../../test-support/event.ts';
import { partOf } from '../../test-support/part.ts';
import type { Json, JsonObject } from '../json/json.ts';
import { checkEvent, Event } from './event.ts';

const event: JsonObject = {
  specversion: '1.0',
  id: '01997b3c-0000-7000-8000-000000000001',
  source: '//cas.example/artifact-cas',
  type: 'casartifact.uploaded',
  time: '2026-01-01T00:00:00.000Z',
  orgid: 'acme',
  data: {},
};

describe('checkEvent', () => {
  it('takes every attribute and extensions', () => {
    const full = {
      ...event,
      subject: 'sha256:abc',
      actortype: 'API_TOKEN',
      actorid: 'a',
      actorname: 'ü'.repeat(256),
      actoremail: 'a@example.org',
      outcome: 'failure',
      traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
      runid: 'r',
      decisionid: 'd',
      datacontenttype: 'application/json',
      keyid: 'k',
      signature: `${'A'.repeat(86)}==`,
      producer: 'boot-1',
      producerseq: '9007199254740991',
      myextension: 'x',
      flag: true,
      number: 1,
    };
    expect(() => checkEvent(full)).not.toThrow();
  });

  it.each<[string, Json, string]>([
    ['specversion', '0.3', 'specversion is a string of 3 characters'],
    ['id', '01997b3c-0000-4000-8000-000000000001', 'id is a string of 36 characters: Invalid string: must match'],
    ['id', '01997B3C-0000-7000-8000-000000000001', 'id is a string of 36 characters'],
    ['source', 'a b', 'source is a string of 3 characters'],
    ['source', '', 'source is a string of 0 characters'],
    ['type', 'Uploaded', 'type is a string of 8 characters'],
    ['time', '2026-01-01T00:00:00Z', 'time is a string of 20 characters'],
    ['time', '2026-13-01T00:00:00.000Z', 'time is a string of 24 characters'],
    ['time', '2026-01-01T00:00:00.000+00:00', 'time is a string of 29 characters'],
    ['orgid', '_system', 'orgid is a string of 7 characters'],
    ['orgid', 'x'.repeat(65), 'orgid is a string of 65 characters'],
    ['orgid', 7, 'orgid is a number'],
    ['actortype', 'user', 'actortype is a string of 4 characters'],
    ['actorname', 'x'.repeat(257), 'actorname is a string of 257 characters'],
    ['outcome', 'ok', 'outcome is a string of 2 characters'],
    ['traceparent', 'x', 'traceparent is a string of 1 characters'],
    ['signature', 'AAAA', 'signature is a string of 4 characters'],
    ['producerseq', '0', 'producerseq is a string of 1 characters'],
    ['producerseq', '01', 'producerseq is a string of 2 characters'],
    ['producerseq', '9007199254740993', 'producerseq is a string of 16 characters'],
    ['producerseq', 1, 'producerseq is a number'],
    ['data', null, 'data is null'],
    ['data', [], 'data is an array of 0 items'],
    ['Upper', 'x', '"Upper" is no attribute name'],
    ['__proto__', 'x', '"__proto__" is no attribute name'],
    ['ext', { a: 1 }, 'ext is an object: an attribute is a string'],
    ['ext', null, 'ext is null'],
    ['ext', [1], 'ext is an array of 1 items'],
  ])('refuses %s %j', (name, value, message) => {
    const bad = JSON.parse(
      JSON.stringify({ producer: 'p', producerseq: '1', ...event }).replace(
        /}$/,
        `,${JSON.stringify(name)}:${JSON.stringify(value)}}`,
      ),
    ) as Json;
    expect(() => checkEvent(bad)).toThrow(
      expect.objectContaining({ code: 'NOT_AN_EVENT', message: expect.stringContaining(message) }) as Error,
    );
  });

  it.each(['specversion', 'id', 'source', 'type', 'time', 'orgid', 'data'])('wants %s', (name) => {
    const { [name]: _, ...rest } = event;
    expect(() => checkEvent(rest)).toThrow(`${name} is undefined`);
  });

  it('wants producer and producerseq together', () => {
    expect(() => checkEvent({ ...event, producer: 'p' })).toThrow('producer and producerseq come together');
    expect(() => checkEvent({ ...event, producerseq: '1' })).toThrow('producer and producerseq come together');
  });

  it.each([null, [], 'x', 1])('refuses %j', (value) => expect(() => checkEvent(value)).toThrow('expected an object'));
});

const isExtension = (value: Json | undefined): boolean =>
  typeof value === 'number'
    ? (value | 0) === value
    : typeof value === 'boolean' ||
      (typeof value === 'string' && !/[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u.test(value));

describe('checkEvent and the Event schema', () => {
  const isFine = (check: () => void): boolean => {
    try {
      check();
      return true;
    } catch {
      return false;
    }
  };

  it('say the same of every event, but for the rules that the schema does not have', () => {
    const names = fc.constantFrom(...Object.keys(Event.shape), 'extension', 'Bad_name', '__proto__');
    fc.assert(
      fc.property(fc.array(fc.tuple(names, fc.option(suspicious, { nil: undefined })), { maxLength: 3 }), (changes) => {
        const changed: Record<string, Json | undefined> = { ...event };
        for (const [name, value] of changes) {
          Object.defineProperty(changed, name, { value, enumerable: true, configurable: true, writable: true });
          if (value === undefined) Reflect.deleteProperty(changed, name);
        }
        const value = changed as JsonObject;
        const paired = (value['producer'] === undefined) === (value['producerseq'] === undefined);
        const named = Object.keys(value).every(
          (name) => Object.hasOwn(Event.shape, name) || /^[a-z0-9]{1,64}$/.test(name),
        );
        const simple = Object.keys(value).every((name) => Object.hasOwn(Event.shape, name) || isExtension(value[name]));
        const claimed = (value['claimedorg'] === undefined) === (value['orgid'] !== '_unattributed');
        const bySchema = Event.safeParse(value).success && paired && named && simple && claimed;
        expect(isFine(() => checkEvent(value))).toBe(bySchema);
      }),
      { numRuns: partOf(5_000) },
    );
  });
});
