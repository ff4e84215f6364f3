/** Messages that hold several events. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyEventChange, changedBy } from '../../test-support/event.ts';
import { partOf } from '../../test-support/part.ts';
import { readMessage } from '../internal.ts';
import { canonicalJson } from '../json/canonical.ts';
import type { Json, JsonObject } from '../json/json.ts';
import type { ElementReading, Reading } from './read-message.ts';

const SUBJECT = 'audit.casartifact.uploaded.acme';
const BATCH = 'audit.casartifact.batch.acme';
const digest = `sha256:${'a'.repeat(64)}`;
const event: JsonObject = {
  data: { digest, size_bytes: 5 },
  id: '01997b3c-0000-7000-8000-000000000001',
  orgid: 'acme',
  producer: 'p',
  producerseq: '1',
  source: '//cas.example/artifact-cas',
  specversion: '1.0',
  time: '2026-01-01T00:00:00.000Z',
  type: 'casartifact.uploaded',
};
const download = { ...event, type: 'casartifact.downloaded', producerseq: '2' };
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
const decoder = new TextDecoder();
const read = (text: string, subject = SUBJECT) => readMessage(subject, encoder.encode(text));

function elementsOf(text: string, subject = SUBJECT): readonly ElementReading[] {
  const message = read(text, subject);
  if (message.form !== 'batch') throw new Error(JSON.stringify(message));
  return message.elements;
}

/** A reading without its event, which some readings parse when they are asked. */
const plainly = (reading: Reading): object => ({ ...reading, event: null });

function readAlone(text: string, subject = SUBJECT): Reading {
  const message = read(text, subject);
  if (message.form !== 'single') throw new Error('an array');
  return message.reading;
}

describe('an array of events', () => {
  it('is read one by one, in order, each with its own bytes', () => {
    const texts = [JSON.stringify(event), JSON.stringify(event, null, 2), '7', '[]', '"\\u005d"', '{"a":"],["}'];
    const elements = elementsOf(`\n[ ${texts.join(' ,\t')}\r]`);
    expect(elements.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(elements.map(({ payload }) => decoder.decode(payload))).toEqual(texts);
    expect(elements.map(({ reading }) => reading.ok)).toEqual([true, true, false, false, false, false]);
    expect(elements[0]?.reading).toMatchObject({ orgid: 'acme', origin: { producer: 'p', producerseq: 1 } });
    for (const { reading } of elements.slice(2)) expect(reading).toMatchObject({ reason: 'not_an_event' });
  });

  it('judges each as if it had come alone, whatever stands beside it', () => {
    let good = 0;
    const anyElement = fc.array(anyEventChange, { maxLength: 2 }).map((changes) => changes.reduce(changedBy, event));
    fc.assert(
      fc.property(fc.array(anyElement, { minLength: 1, maxLength: 4 }), fc.boolean(), (events, isCanonical) => {
        const texts = events.map((one) => {
          try {
            return isCanonical ? canonicalJson(one) : JSON.stringify(one);
          } catch {
            return JSON.stringify(one);
          }
        });
        const elements = elementsOf(`[${texts.join(',')}]`);
        for (const [i, text] of texts.entries()) {
          if (text.startsWith('[')) continue;
          const { reading } = elements[i] as ElementReading;
          expect(plainly(reading)).toEqual(plainly(readAlone(text)));
          if (reading.ok) good++;
        }
      }),
      { numRuns: partOf(3_000) },
    );
    expect(good).toBeGreaterThan(partOf(1_000));
  });

  it('has at most 256 of 64 KiB, in 256 KiB', () => {
    const text = canonicalJson(event);
    const note = (bytes: number): string => {
      const empty = canonicalJson({ ...event, type: 'casartifact.noted', data: { note: '' } });
      return empty.replace('"note":""', `"note":"${'x'.repeat(bytes - empty.length)}"`);
    };
    expect(elementsOf(`[${Array.from({ length: 256 }, () => text).join(',')}]`)).toHaveLength(256);
    expect(readAlone(note(65_536), 'audit.casartifact.noted.acme').ok).toBe(true);
    expect(elementsOf(`[${note(65_536)},${note(65_537)},${text}]`, BATCH).map(({ reading }) => reading.ok)).toEqual([
      true,
      false,
      true,
    ]);
    expect(elementsOf(`[${text}${' '.repeat(262_144 - 2 - text.length)}]`)).toHaveLength(1);
    expect(read(`[${text}${' '.repeat(262_145 - 2 - text.length)}]`)).toMatchObject({
      reading: { reason: 'too_large' },
    });
    // An element that grows when it is printed spoils only itself.
    const grows = JSON.stringify({ ...event, type: 'casartifact.noted', data: { a: [] } }).replace(
      '[]',
      `[${'1e20,'.repeat(10_000)}1]`,
    );
    expect(elementsOf(`[${grows},${text}]`, BATCH).map(({ reading }) => reading.ok)).toEqual([false, true]);
  });

  it.each([
    ['[]', 'not_an_event'],
    ['[,]', 'not_json'],
    ['[{},]', 'not_json'],
    [`[${JSON.stringify(event)}`, 'not_json'],
    [`[${canonicalJson(event)}]]`, 'not_json'],
    [`[${canonicalJson(event)},,${canonicalJson(event)}]`, 'not_json'],
    [`[${canonicalJson(event)} ${canonicalJson(event)}]`, 'not_json'],
    [`[${'[],'.repeat(256)}[]]`, 'too_large'],
    [`[${'[],'.repeat(256)}[]`, 'not_json'],
  ])('is one message that is none: %.40s', (text, reason) => {
    expect(read(text)).toMatchObject({ form: 'single', reading: { ok: false, reason } });
  });

  it("may hold Chainloop's, where those may be alone", () => {
    const text = JSON.stringify([cas, { ...cas, Data: { ...cas.Data, OrgID: null } }, event]);
    const readings = elementsOf(text, 'audit.casartifact.casartifactuploaded').map(({ reading }) => reading);
    expect(readings).toMatchObject([{ ok: true, orgid: 'acme' }, { ok: true, orgid: '_unattributed' }, { ok: false }]);
    expect(elementsOf(text, SUBJECT).map(({ reading }) => reading.ok)).toEqual([true, false, true]);
    expect(elementsOf(text, 'audit.release.approved.acme').map(({ reading }) => reading.ok)).toEqual([
      false,
      false,
      false,
    ]);
  });
});

describe('the action batch', () => {
  it('takes all types of its target, in arrays only', () => {
    const others: Json[] = [
      event,
      download,
      { ...event, type: 'com.example.CASArtifact.Moved' },
      { ...event, type: 'run.started', data: { name: 'n' } },
      { ...event, type: 'xcasartifact.uploaded' },
      { ...event, type: 'casartifact.batch' },
      { ...event, type: 'com.example.casartifact.Batch' },
      { ...event, type: 'casartifact.' },
      { ...event, type: 'casartifact' },
      { ...event, orgid: 'bolt' },
      cas,
    ];
    const taken = [true, true, true, false, false, false, false, false, false, false, true];
    for (const indent of [0, 1])
      expect(elementsOf(JSON.stringify(others, null, indent), BATCH).map(({ reading }) => reading.ok)).toEqual(taken);
    for (const one of others) expect(readAlone(JSON.stringify(one), BATCH).ok).toBe(false);
    expect(elementsOf(`[${others.map((one) => canonicalJson(one)).join(',')}]`, BATCH)[1]?.reading).toMatchObject({
      transfer: { kind: 'download' },
    });
  });

  it('takes nothing of another type elsewhere', () => {
    expect(elementsOf(JSON.stringify([event, download])).map(({ reading }) => reading.ok)).toEqual([true, false]);
  });
});
