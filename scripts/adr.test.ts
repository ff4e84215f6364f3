/** Decisions in docs/adr have one form, are numbered without a gap, and are in the index. */
import { expect, test } from 'vitest';
import { formatIndex, parseDecision, readDecisions, readIndex } from './adr.ts';

test('they are numbered from 1, as their files are', () => {
  const decisions = readDecisions();
  expect(decisions.map(({ number }) => number)).toEqual(decisions.map((_, i) => i + 1));
  for (const { file, number } of decisions) expect(file.startsWith(`${String(number).padStart(4, '0')}-`)).toBe(true);
});

test('a decision begins with a sentence that stands alone', () => {
  for (const { file, decision } of readDecisions()) {
    expect(decision, file).toMatch(/^[A-Z`*$].*\.$/);
    expect(decision.length, file).toBeLessThanOrEqual(300);
  }
});

test('the index is made of the pages (`node_modules/.bin/node scripts/adr.ts` writes it)', () => {
  expect(readIndex()).toBe(formatIndex(readDecisions()));
});

test('another form is an error', () => {
  const page =
    '# 1. A\n\nAccepted. Code: [a.ts](a.ts).\n\n**Context.** B.\n\n**Decision.** C. D.\n\n**Consequence.** E.\n';
  expect(parseDecision('a.md', page)).toEqual({
    file: 'a.md',
    number: 1,
    title: 'A',
    status: 'Accepted',
    decision: 'C.',
  });
  const withCode = page.replace('C. D.', 'C is `d: e`; f. G.');
  expect(parseDecision('a.md', withCode).decision).toBe('C is `d: e`; f.');
  for (const part of ['# 1. A', 'Accepted.', 'Code: ', '**Context.**', '**Decision.**', '**Consequence.**'])
    expect(() => parseDecision('a.md', page.replace(part, ''))).toThrow('a.md');
});
