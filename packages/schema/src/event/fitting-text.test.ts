import fc from 'fast-check';
import { expect, it } from 'vitest';
import { sha256Hex } from '../hash.ts';
import { createTextStamp, readMessage } from '../internal.ts';
import { createDataCheck } from '../message/data-check.ts';
import { stampEvent } from '../message/stamp.ts';
import { defineEvent } from './define-event.ts';
import { cutText, displayText } from './fitting-text.ts';
import { z } from 'zod';

const stamp = {
  id: '01997b3c-0000-7000-8000-000000000001',
  source: '//cas.example/artifact-cas',
  time: '2026-01-01T00:00:00.000Z',
};
const digest = `sha256:${'a'.repeat(64)}`;
const check = createDataCheck();
const textOf = createTextStamp(check);

/** The event with these fields, published with and without fast paths, and read again. */
function published(type: string, fields: object): Record<string, unknown> & { data: Record<string, unknown> } {
  const { text } = stampEvent(type, { orgid: 'acme', ...fields }, stamp, check);
  expect(textOf(type, { orgid: 'acme', ...fields }, stamp)).toBe(text);
  const read = readMessage(`audit.${type}.acme`, new TextEncoder().encode(text));
  expect(read).toMatchObject({ form: 'single', reading: { ok: true } });
  return JSON.parse(text) as never;
}

it('cutText: at most so long, well-formed, marked if anything is missing', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), fc.integer({ min: 2, max: 30 }), (text, max) => {
      const cut = cutText(text, max);
      expect(cut.isWellFormed()).toBe(true);
      expect(cut.length).toBeLessThanOrEqual(max);
      const isCut = text.length > max;
      expect(cut.endsWith('…') || !isCut).toBe(true);
      // The mark replaces one UTF-16 unit, or two when it would divide a character.
      expect(cut.length).toBeGreaterThanOrEqual(isCut ? max - 1 : text.length);
      const kept = isCut ? cut.slice(0, -1) : cut;
      // Lone surrogates are replaced in both.
      expect(text.slice(0, kept.length).toWellFormed()).toBe(kept);
    }),
  );
  expect(cutText('x'.repeat(1_025), 1_024)).toBe(`${'x'.repeat(1_023)}…`);
  expect(cutText(`${'x'.repeat(1_022)}😀😀`, 1_024)).toBe(`${'x'.repeat(1_022)}…`);
});

it.each([
  ['casartifact.uploaded', { digest }, 'file_name', 1_024],
  ['casartifact.downloaded', { digest }, 'backend_type', 64],
  ['run.started', {}, 'name', 256],
  ['run.failed', { name: 'n', duration_ms: 1 }, 'error_name', 128],
  ['run.failed', { name: 'n', duration_ms: 1 }, 'error_code', 128],
  ['run.failed', { name: 'n', duration_ms: 1 }, 'error_message', 1_024],
  ['decision.started', {}, 'name', 256],
  ['decision.recorded', {}, 'name', 256],
  ['decision.reviewed', { action: 'a' }, 'reviewer', 256],
  ['decision.reviewed', { reviewer: 'r' }, 'action', 64],
  ['decision.reviewed', { reviewer: 'r', action: 'a' }, 'reason', 4_096],
  ['decision.ended', { duration_ms: 1 }, 'error_name', 128],
  ['request.handled', { method: 'GET', status: 200, duration_ms: 1 }, 'route', 1_024],
  ['request.handled', { status: 200, duration_ms: 1 }, 'method', 32],
])('%s %o: %s is cut at %i characters', (type, fields, name, max) => {
  const exact = 'x'.repeat(max);
  expect(published(type, { ...fields, [name]: exact }).data[name]).toBe(exact);
  expect(published(type, { ...fields, [name]: `${exact}x` }).data[name]).toBe(`${'x'.repeat(max - 1)}…`);
  expect(published(type, { ...fields, [name]: `${'x'.repeat(max - 2)}😀😀` }).data[name]).toBe(
    `${'x'.repeat(max - 2)}…`,
  );
  expect(published(type, { ...fields, [name]: 'half \ud800' }).data[name]).toBe('half \ufffd');
});

it.each([
  ['actorname', 256],
  ['actoremail', 320],
])('the attribute %s is cut at %i characters; an empty one is left out', (name, max) => {
  const exact = 'x'.repeat(max);
  expect(published('casartifact.uploaded', { digest, [name]: exact })[name]).toBe(exact);
  expect(published('casartifact.uploaded', { digest, [name]: `${exact}x` })[name]).toBe(`${'x'.repeat(max - 1)}…`);
  expect(published('casartifact.uploaded', { digest, [name]: '\udfff' })[name]).toBe('\ufffd');
  expect(published('casartifact.uploaded', { digest, [name]: 'a\u001b\ufdd0b' })[name]).toBe('a\ufffd\ufffdb');
  expect(published('casartifact.uploaded', { digest, [name]: '' })[name]).toBeUndefined();
});

it.each([
  ['actorid', 256],
  ['subject', 1_024],
  ['runid', 128],
  ['decisionid', 128],
])('the id %s is never cut: beyond %i characters it is its SHA-256', (name, max) => {
  const exact = 'x'.repeat(max);
  expect(published('casartifact.uploaded', { digest, [name]: exact })[name]).toBe(exact);
  for (const last of ['x', 'y']) {
    const long = exact + last;
    expect(published('casartifact.uploaded', { digest, [name]: long })[name]).toBe(`sha256:${sha256Hex(long)}`);
  }
  for (const odd of ['\ud800', 'a\u001b', '\ufdd0']) {
    const hash = `sha256:${sha256Hex(odd.toWellFormed())}`;
    expect(published('casartifact.uploaded', { digest, [name]: odd })[name]).toBe(hash);
  }
  // No system has such an id. Hashing it would take seconds; it is left out, and the event is kept.
  expect(published('casartifact.uploaded', { digest, [name]: 'x'.repeat(1_048_577) })).not.toHaveProperty(name);
});

it('a traceparent that is none, from whatever header, is left out', () => {
  const good = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`;
  expect(published('casartifact.uploaded', { digest, traceparent: good })['traceparent']).toBe(good);
  expect(published('casartifact.uploaded', { digest, traceparent: 'x' })['traceparent']).toBeUndefined();
});

it('digests, sizes and organizations are refused as before', () => {
  for (const bad of [{ digest: `${digest}a` }, { digest, size_bytes: '1' }, { digest, orgid: 'x'.repeat(65) }]) {
    expect(() => published('casartifact.uploaded', bad)).toThrow(expect.objectContaining({ code: 'NOT_AN_EVENT' }));
  }
});

it('a text of a type of your own is cut if it is displayText', () => {
  const data = z.object({ title: displayText(10).optional(), code: z.string().max(10) });
  const own = createDataCheck([defineEvent({ type: 'a.b', data })]);
  const make = (fields: object) => stampEvent('a.b', { orgid: 'acme', ...fields }, stamp, own).event.data;
  expect(make({ title: 'x'.repeat(11), code: 'c' })).toEqual({ title: `${'x'.repeat(9)}…`, code: 'c' });
  expect(make({ title: '', code: 'c' })).toEqual({ code: 'c' });
  expect(() => make({ code: 'x'.repeat(11) })).toThrow('data.code is a string of 11 characters');
});
