import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatEventSubject,
  formatLedgerSubject,
  parseEventSubject,
  parseLedgerSubject,
  SUBJECT_PREFIX_PATTERN,
  SYSTEM_CHAIN,
} from './subject.ts';

const lower = fc.stringMatching(/^[a-z0-9_-]{1,64}$/);
const type = fc.tuple(lower, lower).map((tokens) => tokens.join('.'));
const orgid = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/);
const prefix = fc.constantFrom('audit', 'eu.audit', 'a-b.c_d.E');

describe('event subjects', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(type, orgid, prefix, (type, orgid, prefix) => {
        expect(prefix).toMatch(SUBJECT_PREFIX_PATTERN);
        expect(parseEventSubject(formatEventSubject({ type, orgid }, prefix), prefix)).toEqual({ type, orgid });
        expect(parseEventSubject(`${prefix}.${type}`, prefix)).toEqual({ type });
      }),
    );
  });

  it('are the only ones that parse', () => {
    const token = fc.constantFrom('audit', 'a', 'B', '', '*', '>', '_system', 'undefined', 'a b', 'ü', 'x'.repeat(65));
    fc.assert(
      fc.property(fc.array(token, { maxLength: 6 }), (tokens) => {
        const subject = tokens.join('.');
        const parsed = parseEventSubject(subject);
        if (!parsed) return;
        expect(
          parsed.orgid === undefined
            ? `audit.${parsed.type}`
            : formatEventSubject({ type: parsed.type, orgid: parsed.orgid }),
        ).toBe(subject);
      }),
    );
  });

  it.each([
    '',
    'audit',
    'audit.',
    'audit.a',
    'audit.a.',
    'audit.A.b.org',
    'audit.a.b.',
    'audit.a.b._system',
    'audit.a.b.org.x',
    'audits.a.b.org',
    'audit.a.b.\ud800',
  ])('refuses %j', (subject) => expect(parseEventSubject(subject)).toBeNull());

  it.each([
    [{ type: 'a.b.c', orgid: 'acme' }, 'type "a.b.c"'],
    [{ type: 'A.b', orgid: 'acme' }, 'type "A.b"'],
    [{ type: 'a.b', orgid: '_system' }, 'orgid "_system"'],
    [{ type: 'a.b', orgid: 'x.y' }, 'orgid "x.y"'],
    [{ type: 'a.b', orgid: '>' }, 'orgid ">"'],
  ])('cannot be made of %j', (subject, named) => {
    expect(() => formatEventSubject(subject)).toThrow(
      expect.objectContaining({ code: 'BAD_SUBJECT', message: expect.stringContaining(named) }) as Error,
    );
  });
});

describe('ledger subjects', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(fc.oneof(orgid, fc.constant(SYSTEM_CHAIN)), prefix, (orgid, prefix) => {
        expect(parseLedgerSubject(formatLedgerSubject(orgid, prefix), prefix)).toBe(orgid);
      }),
    );
  });

  it.each(['ledger', 'ledger.', 'ledger.a.b', 'ledger._other', 'ledgers.a', 'ledger.>'])('refuse %j', (subject) => {
    expect(parseLedgerSubject(subject)).toBeNull();
  });

  it('cannot be made of an organization that cannot be', () => {
    expect(() => formatLedgerSubject('_other')).toThrow('orgid "_other" cannot be in a subject');
  });
});
