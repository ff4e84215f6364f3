import { describe, expect, it } from 'vitest';
import { digest, read } from '../../test-support/message.ts';
import { canonicalJson } from '../json/canonical.ts';
import type { JsonObject } from '../json/json.ts';
import type { Reading } from './read-message.ts';

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
