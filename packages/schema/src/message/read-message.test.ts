import { describe, expect, it } from 'vitest';
import { bytesOf, cas, digest, event, read, readBytes, SUBJECT, without } from '../../test-support/message.ts';
import { transferOf } from '../event/transfer.ts';
import { canonicalJson } from '../json/canonical.ts';
import type { JsonObject } from '../json/json.ts';
import type { Reading } from './read-message.ts';

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
    // The event of a canonical text is parsed when somebody asks for it.
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
