import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DOCS, fencedBlocks } from '../../test-support/docs.ts';
import { anyEventChange, changedBy } from '../../test-support/event.ts';
import { GARBAGE } from '../../test-support/garbage.ts';
import { anyJson } from '../../test-support/json.ts';
import { bytesOf, cas, digest, event, read, readBytes, SUBJECT } from '../../test-support/message.ts';
import { partOf } from '../../test-support/part.ts';
import { defineEvent } from '../event/define-event.ts';
import { BUILT_IN_EVENTS } from '../event/types/built-in.ts';
import { readMessage } from '../internal.ts';
import { canonicalJson } from '../json/canonical.ts';
import type { Json, JsonObject } from '../json/json.ts';
import { createDataCheck } from './data-check.ts';
import { REJECTIONS } from './rejection.ts';
import { z } from 'zod';

/** A good value for each member of built-in data that is not any text. */
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

  it('is told of in the words that docs/reference/format.md lists', () => {
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
    // A definition of a built-in type adds to the built-in schema, and takes nothing from it.
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
      { numRuns: partOf(20_000) },
    );
    expect(taken).toBeGreaterThan(partOf(2_000));
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
      fc.property(
        fc.constantFrom(SUBJECT, 'audit.casartifact.uploaded', 'x', 'waybill.control.acknowledge.acme'),
        payload,
        (subject, bytes) => {
          const message = readMessage(subject, bytes);
          expect(readMessage(subject, bytes)).toEqual(message);
          const readings =
            message.form === 'batch' ? message.elements.map(({ reading }) => reading) : [message.reading];
          for (const reading of readings) {
            if (reading.ok) continue;
            expect(REJECTIONS).toContain(reading.reason);
            expect(reading.reason).not.toBe('unexpected');
            expect(TEXTS).toContain(reading.detail);
          }
        },
      ),
      { numRuns: partOf(3000) },
    );
  });
});
