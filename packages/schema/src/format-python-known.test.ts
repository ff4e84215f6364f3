/** Acknowledgements, as the verifier in Python reads them from the format's page alone. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fastSha256 } from '../test-support/chain.ts';
import { hasPython, judgeKnownInPython } from '../test-support/python.ts';
import { forge } from '../test-support/verdicts.ts';
import { createAcknowledgements, createChainVerifier, type Json, type JsonObject, parseEntry } from './internal.ts';

interface Case {
  readonly chain: readonly string[];
  readonly system: readonly string[];
}

const anyNumber = fc.integer({ min: 1, max: 9 });
const anyPublisher = fc.constantFrom('p', 'q');
const anySent = fc.uniqueArray(fc.record({ producer: anyPublisher, n: anyNumber, isEnd: fc.boolean() }), {
  selector: ({ producer, n }) => `${producer} ${n}`,
  minLength: 1,
  maxLength: 8,
});
const anySaid = fc.array(
  fc.record({
    producer: anyPublisher,
    first: anyNumber,
    more: fc.option(fc.nat(3)),
    gap: fc.nat(3),
    orgid: fc.constantFrom('acme', 'acme', 'acme', 'bolt', '_system'),
    // Whoever forges a record may write anything.
    sha256: fc.constantFrom<Json>('a', 'b', 'c', 'd', 'e', 'f', null, [], true),
    by: fc.constantFrom('ops', 'ops', 'ops', null),
  }),
  { maxLength: 6 },
);

interface Sent {
  readonly producer: string;
  readonly n: number;
  readonly isEnd: boolean;
}

interface Said {
  readonly producer: string;
  readonly first: number;
  /** null: it is an end. */
  readonly more: number | null;
  /** How many places in AUDIT are left out before it. */
  readonly gap: number;
  readonly orgid: string;
  readonly sha256: Json;
  readonly by: string | null;
}

function caseOf(sent: readonly Sent[], said: readonly Said[]): Case {
  let at = 0;
  return {
    chain: forge(
      sent.map(({ producer, n, isEnd }, i) => ({
        event: { orgid: 'acme', type: isEnd ? 'producer.closed' : 'a.b', producer, producerseq: String(n) },
        source: 2 * i + 2,
      })),
    ),
    system: forge(
      said.map(({ more, gap, ...rest }) => {
        at += 1 + 2 * gap;
        const last = more === null ? null : rest.first + more;
        const event: JsonObject = { kind: 'acknowledged', reason: 'so', subject: 's', ...rest, last };
        return { event, source: at };
      }),
      '_system',
    ),
  };
}

const anyCase = fc.tuple(anySent, anySaid).map(([sent, said]) => caseOf(sent, said));

/** A publisher whose first number is missing, and an acknowledgement of that: few random cases are so. */
const KNOWN_LOSS = caseOf(
  [{ producer: 'p', n: 2, isEnd: true }],
  [{ producer: 'p', first: 1, more: 0, gap: 1, orgid: 'acme', sha256: 'a', by: 'ops' }],
);

function judge({ chain, system }: Case): string {
  const acknowledgements = createAcknowledgements();
  for (const line of system) acknowledgements.add(parseEntry(line));
  const verifier = createChainVerifier({ sha256: fastSha256 });
  for (const line of chain) verifier.push(line);
  const {
    verdict,
    missing,
    acknowledged = '0',
    acknowledged_ends: ends = [],
    open_count,
  } = verifier.finish(acknowledgements.of('acme'));
  return `${verdict}: ${Number(missing) - Number(acknowledged) + ends.length} missing, ${acknowledged} known, ${open_count} open`;
}

describe.skipIf(!hasPython)('the verifier in python', () => {
  it('agrees about what acknowledgements cover', () => {
    const cases = [KNOWN_LOSS, ...fc.sample(anyCase, 400)];
    const said = judgeKnownInPython(cases).map((text) => {
      const [verdict = ''] = text.split(' ');
      const missing = /(\d+) events of publishers are missing/.exec(text)?.[1] ?? '0';
      const [, known = '0', open = ''] = /; (\d+) acknowledged, (\d+) open$/.exec(text) ?? [];
      return { verdict, missing, known, open };
    });
    const seen = new Map<string, number>();
    for (const [i, one] of cases.entries()) {
      const { verdict, missing, known, open } = said[i] as (typeof said)[number];
      const ours = judge(one);
      // Without acknowledgements, the program does not say who is open.
      const theirs = `${verdict}: ${missing} missing, ${known} known, ${open === '' ? (ours.match(/(\d+) open$/)?.[1] ?? '') : open} open`;
      expect(theirs, JSON.stringify(one)).toBe(ours);
      const kind = `${verdict} ${known === '0' ? 'without' : 'with'}`;
      seen.set(kind, (seen.get(kind) ?? 0) + 1);
    }
    expect([...seen.keys()]).toEqual(expect.arrayContaining(['incomplete with', 'incomplete without', 'ok with']));
  });
});
