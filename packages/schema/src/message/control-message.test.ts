import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesOf } from '../../test-support/message.ts';
import { formatAcknowledgeSubject, isControlSubject, parseAcknowledgeSubject } from '../event/subject.ts';
import { readMessage } from '../internal.ts';
import { type Acknowledgement, formatAcknowledgement, readControl } from './control-message.ts';

const anyText = (most: number) => fc.string({ minLength: 1, maxLength: most, unit: 'grapheme' });
const anyAcknowledgement: fc.Arbitrary<Acknowledgement> = fc
  .record({
    orgid: fc.constantFrom('acme', 'bolt', '_unattributed'),
    producer: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/),
    first: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    more: fc.option(fc.nat()),
    by: anyText(20),
    reason: anyText(80),
  })
  .map(({ more, ...rest }) => ({
    ...rest,
    last: more === null ? null : Math.min(rest.first + more, Number.MAX_SAFE_INTEGER),
  }));

describe('an acknowledgement', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(anyAcknowledgement, (acknowledged) => {
        const subject = formatAcknowledgeSubject(acknowledged.orgid);
        expect(parseAcknowledgeSubject(subject)).toBe(acknowledged.orgid);
        const text = formatAcknowledgement(acknowledged);
        expect(readMessage(subject, bytesOf(text))).toEqual({ form: 'control', reading: { ok: true, acknowledged } });
        // White space and the order of members mean nothing.
        const other = JSON.stringify(
          Object.fromEntries(Object.entries(JSON.parse(text) as object).toReversed()),
          null,
          2,
        );
        expect(readControl(subject, bytesOf(other))).toEqual({ ok: true, acknowledged });
      }),
    );
  });

  it('is none on a subject of events, whatever it says', () => {
    const text = formatAcknowledgement({ orgid: 'acme', producer: 'p', first: 1, last: 1, by: 'me', reason: 'so' });
    for (const subject of ['audit.casartifact.uploaded.acme', 'audit.waybill.control.acknowledge.acme', 'audit.a.b'])
      expect(readMessage(subject, bytesOf(text))).toMatchObject({ form: 'single', reading: { ok: false } });
  });

  it('is on the subject that the installation has for it, and on no other', () => {
    const text = formatAcknowledgement({ orgid: 'acme', producer: 'p', first: 1, last: 1, by: 'me', reason: 'so' });
    const options = { controlPrefix: 'ops.waybill' };
    expect(readMessage('ops.waybill.acknowledge.acme', bytesOf(text), options)).toMatchObject({ form: 'control' });
    expect(readMessage('waybill.control.acknowledge.acme', bytesOf(text), options)).toMatchObject({ form: 'single' });
    expect(isControlSubject('ops.waybillx.acknowledge.acme', 'ops.waybill')).toBe(false);
    expect(() => formatAcknowledgeSubject('_system')).toThrow(/cannot be in a subject/);
  });
});
