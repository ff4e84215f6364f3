import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fastSha256, makeChain, type Spec } from '../test-support/chain.ts';
import { anyJson } from '../test-support/json.ts';
import { compareAll, hasPython, verifyInPython } from '../test-support/python.ts';
import { forge, toBytes } from '../test-support/verdicts.ts';
import {
  appendEntry,
  canonicalJson,
  emptyHead,
  type Entry,
  EPOCH_STRIDE,
  type Json,
  type JsonObject,
  MAX_LINE_BYTES,
  MAX_MISSING,
  MAX_PRODUCERS,
  NO_VOLUME,
  originOf,
  type SystemRecord,
  verify,
  type Volume,
} from './internal.ts';

describe.skipIf(!hasPython)('the verifier in python', () => {
  it('agrees about good chains of hostile data', () => {
    const notes = fc.sample(anyJson, 200);
    const specs = notes.map((_, i): Spec => ({
      what: (['upload', 'skip', 'download', 'chainloop'] as const)[i % 4] ?? 'other',
      artifact: i % 5,
      bytes: i % 3 ? i : null,
      producer: i % 2,
      note: 'ü\u007f\u2028',
    }));
    const { lines, head } = makeChain('acme', specs);
    let other = head;
    const more = notes.map((note, i) => {
      const event = canonicalJson({ orgid: 'acme', data: { note } });
      const next = appendEntry(other, {
        received: head.received,
        source: { stream: 'ü', seq: head.sourceSeq + 1 + i, subject: '\u0001"' },
        origin: null,
        event,
        volume: NO_VOLUME,
      });
      other = next.head;
      return next.line;
    });
    expect(verify([...lines, ...more]).verdict).toBe('ok');
    const { status, out } = verifyInPython(`${[...lines, ...more].join('\n')}\n`);
    expect(out).toContain(`ok - 400 entries of acme, head ${other.hash}`);
    expect(status).toBe(0);
  });

  it.each<[string, string, string, number]>([
    ['watermark', '_system', 'ok', 0],
    ['streams', '_system', 'ok', 0],
    ['gap', '_system', 'tampered', 1],
    ['streams', 'acme', 'tampered', 1],
  ])(
    'agrees about a record of kind %s at the sequence of the one before it, in %s: %s',
    (kind, orgid, verdict, code) => {
      let head = emptyHead(orgid);
      const lines = [1, 2, 2].map((seq) => {
        const event = { orgid, kind: seq === 1 ? 'rejected' : kind };
        const source = { stream: 'AUDIT', seq, subject: '' };
        const received = '2026-01-05T09:00:00.000Z';
        const next = appendEntry(head, {
          received,
          source,
          origin: null,
          event: canonicalJson(event),
          volume: NO_VOLUME,
        });
        head = next.head;
        return next.line;
      });
      expect(verify(lines)).toMatchObject({ verdict, problem: code === 0 ? null : { seq: 3 } });
      expect(verifyInPython(`${lines.join('\n')}\n`).status).toBe(code);
    },
  );

  it('knows nothing of epochs, and need not', () => {
    const at = '2026-01-05T09:00:00.000Z';
    const record: SystemRecord = { kind: 'epoch', epoch: 1, stream: 'theirs', created: at, first: 1, watermark: 0 };
    const records: [number, SystemRecord][] = [
      [EPOCH_STRIDE, record],
      [EPOCH_STRIDE + 2, { kind: 'gap', first: EPOCH_STRIDE + 1, last: EPOCH_STRIDE + 2 }],
      [EPOCH_STRIDE + 2, { kind: 'watermark', seq: EPOCH_STRIDE + 2 }],
      [3 * EPOCH_STRIDE, { ...record, epoch: 3, first: 2, watermark: EPOCH_STRIDE + 2 }],
      [3 * EPOCH_STRIDE + 2, { kind: 'gap', first: 3 * EPOCH_STRIDE + 2, last: 3 * EPOCH_STRIDE + 2 }],
    ];
    let head = emptyHead('_system');
    const lines = records.map(([seq, event]) => {
      const source = { stream: 'theirs', seq, subject: '' };
      const next = appendEntry(head, {
        received: at,
        source,
        origin: null,
        event: canonicalJson({ ...event }),
        volume: NO_VOLUME,
      });
      head = next.head;
      return next.line;
    });
    expect(verify(lines).verdict).toBe('ok');
    expect(verifyInPython(`${lines.join('\n')}\n`).status).toBe(0);
    // An epoch that begins at a number that was used.
    const again = appendEntry(head, {
      received: at,
      source: { stream: 'theirs', seq: 3 * EPOCH_STRIDE, subject: '' },
      origin: null,
      event: canonicalJson({ ...record, epoch: 3 }),
      volume: NO_VOLUME,
    });
    expect(verify([...lines, again.line])).toMatchObject({ verdict: 'tampered', problem: { seq: 6 } });
    expect(verifyInPython(`${[...lines, again.line].join('\n')}\n`).status).toBe(1);
  });

  it('agrees about bad ones, and odd ones', () => {
    const spec: Spec = { what: 'upload', artifact: 1, bytes: 5, producer: 1 };
    const { lines, head } = makeChain('acme', [spec, spec, spec, spec]);
    const gap = makeChain('acme', [spec, spec], (n) => n * 2).lines;
    const erased = lines.with(1, canonicalJson({ ...(JSON.parse(lines[1] as string) as Entry), event: null } as never));
    const blank = (line: string): string => canonicalJson({ ...(JSON.parse(line) as Entry), event: null } as never);
    const many = Array.from({ length: MAX_PRODUCERS + 2 }, (_, i): Spec => ({
      ...spec,
      producer: i % (MAX_PRODUCERS + 1),
    }));
    const forgotten = makeChain('acme', many, () => 1).lines;
    const fewer = makeChain('acme', many.toSpliced(9, 1), () => 1).lines;
    // More than 64 ranges of one publisher, more than 4,096 of all, and then a number beyond the window.
    const number = (n: number): number => 2 * (Math.floor((n - 1) / 70) + 1);
    const ranged = Array.from({ length: 70 * 65 }, (_, i): Spec => ({
      what: 'other',
      artifact: 0,
      bytes: null,
      producer: i % 70,
    }));
    const manyRanges = makeChain('acme', ranged, number).lines;
    const beyond = makeChain('acme', [spec, spec], () => 1).lines;
    const nest = (levels: number): Json => (levels === 0 ? 0 : [nest(levels - 1)]);
    const next = (event: Json, volume: Volume = NO_VOLUME): string[] => {
      const source = { stream: 'AUDIT', seq: 99, subject: '' };
      const received = '2026-02-31T00:00:00.000Z';
      const origin = originOf(event as JsonObject);
      return [...lines, appendEntry(head, { received, source, origin, event: canonicalJson(event), volume }).line];
    };
    const last = (changed: string[]): string[] => [...changed.slice(0, -1), blank(changed.at(-1) as string)];
    const cases = [
      forgotten,
      forgotten.with(64, blank(forgotten[64] as string)),
      fewer,
      manyRanges,
      [...manyRanges.slice(0, MAX_MISSING + 2), ...beyond],
      next({ orgid: 'acme', data: nest(63) }),
      next({ orgid: 'acme', producer: 'p' }),
      next({ orgid: 'acme', producer: 'ü', producerseq: '1' }),
      next({ orgid: 'acme', type: 'casartifact.uploaded', data: { size_bytes: '5' } }, { kind: 'upload', bytes: null }),
      last(next({}, { kind: 'none', bytes: '5' })),
      last(next({}, { kind: 'upload', bytes: '5', from: 1 })),
      last(next({}, { kind: 'deduplicated', bytes: '5', from: 5 })),
      last(next({}, { kind: 'deduplicated', bytes: '9007199254740992', from: 1 })),
      last(next({}, { kind: 'deduplicated', bytes: '5', from: 1 })),
      lines.with(2, (lines[2] as string).replace('"size_bytes":5', '"size_bytes":6')),
      lines.toSpliced(1, 1),
      lines.toSpliced(1, 0, lines[0] as string),
      [lines[1] as string],
      [...lines, 'x'],
      ['', ...lines],
      ['hello'],
      [''],
      gap,
      erased,
    ];
    expect(compareAll(cases.map(toBytes)).size).toBe(4);
  });

  it('agrees about first lines that are no canonical JSON, or of a newer version', () => {
    const [good = ''] = makeChain('acme', [{ what: 'upload', artifact: 1, bytes: 5, producer: 1 }]).lines;
    // The line has neither mark of an entry, so the verdict tells which rule was broken, 2 or 4.
    const line = good.replace('{"core":', '{"core": ').replace('"volume":', ' "volume":');
    const changes: [string, string][] = [
      ['"v":1', '"v":1.0'],
      ['"v":1', '"v":1,"v":1'],
      ['"v":1', '"v":2,"v":1'],
      ['"v":1', '"v":1,"v":0'],
      ['"v":1', '"v":1,"v":2'],
      ['"seq":1', '"seq":1e400'],
      ['"stream":"AUDIT"', String.raw`"stream":"\ud800"`],
      ...['1e400', `1${'0'.repeat(5000)}`, '-0', '5.0', '9007199254740993', 'NaN', '-Infinity', '5,"size_bytes":5'].map(
        (size): [string, string] => ['"size_bytes":5', `"size_bytes":${size}`],
      ),
    ];
    const newer = (change: JsonObject): string => {
      const core = { event_hash: '', prev_hash: '0'.repeat(64), seq: 1, v: 2, ...change };
      return canonicalJson({ core, event: null, hash: fastSha256(canonicalJson(core)) });
    };
    const mark = ',"v":1,"volume":{"bytes":';
    const login = (OrgID: Json): JsonObject => ({ EventType: 'AUDIT_EVENT', Data: { OrgID } });
    const files = [
      ...changes.flatMap(([from, to]) => [line.replace(from, to), good.replace(from, to)]),
      ...[{}, { orgid: '' }, { orgid: '_x' }, { orgid: 7 }, { orgid: 'acme' }, { orgid: '_system' }].map(newer),
      newer({ orgid: 'acme', prev_hash: 'A'.repeat(64) }),
      'x'.repeat(MAX_LINE_BYTES + 1 - mark.length) + mark,
      'x'.repeat(MAX_LINE_BYTES + 2 - mark.length) + mark,
      ...['', null, '_unattributed', '_system'].flatMap((OrgID) => forge([{ event: login(OrgID) }], '_unattributed')),
    ];
    expect([...compareAll(files.map((file) => new TextEncoder().encode(file))).keys()].toSorted()).toEqual([
      'ok',
      'tampered',
      'unreadable',
    ]);
  });

  it('agrees about transfers that failed, sizes that are none, and events of nobody', () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    const type = 'casartifact.uploaded';
    const failed = (data: JsonObject): JsonObject => ({
      orgid: 'acme',
      type,
      outcome: 'failure',
      data: { digest, ...data },
    });
    const upload = (data: JsonObject): JsonObject => ({ orgid: 'acme', type, data: { digest, ...data } });
    const nobody: JsonObject = { ...upload({ size_bytes: 5 }), orgid: '_unattributed', claimedorg: 'Acme' };
    const login = { EventType: 'AUDIT_EVENT', Timestamp: 'now', Data: { ActionType: 'UserLoggedIn', OrgID: null } };
    const unknown: Volume = { kind: 'upload', bytes: null };
    const skipped: Volume = { kind: 'deduplicated', bytes: null };
    const cases: readonly (readonly [JsonObject, Volume])[][] = [
      [[failed({ size_bytes: 5 }), NO_VOLUME]],
      [[failed({ size_bytes: 5 }), { kind: 'upload', bytes: '5' }]],
      [
        [failed({ size_bytes: 5, transferred_bytes: 3 }), { kind: 'upload', bytes: '3' }],
        [upload({ skipped: true }), skipped],
      ],
      [
        [failed({ transferred_bytes: 3 }), { kind: 'upload', bytes: '3' }],
        [upload({ skipped: true }), { ...skipped, bytes: '3', from: 1 }],
      ],
      [[failed({ skipped: true, transferred_bytes: 3 }), NO_VOLUME]],
      [[failed({ transferred_bytes: -3 }), NO_VOLUME]],
      [
        [
          { ...failed({ size_bytes: 5 }), outcome: 'Failure' },
          { kind: 'upload', bytes: '5' },
        ],
      ],
      ...[-5, 1.5, 2 ** 53, '5', null, true].map((size_bytes) => [[upload({ size_bytes }), unknown] as const]),
      [[upload({ size_bytes: -5 }), { kind: 'upload', bytes: '-5' }]],
      [
        [nobody, NO_VOLUME],
        [login, NO_VOLUME],
      ],
      [[nobody, { kind: 'upload', bytes: '5' }]],
      [
        [{ ...nobody, producer: 'p' }, NO_VOLUME],
        [{ ...nobody, producer: '-', producerseq: '1' }, NO_VOLUME],
      ],
    ];
    const made = cases.map((events) => {
      let head = emptyHead((events[0]?.[0]['orgid'] as string | undefined) ?? '_unattributed');
      const lines = events.map(([event, volume], n) => {
        const source = { stream: 'AUDIT', seq: n + 1, subject: '' };
        const received = '2026-01-05T09:00:00.000Z';
        const next = appendEntry(head, {
          received,
          source,
          origin: originOf(event),
          event: canonicalJson(event),
          volume,
        });
        head = next.head;
        return next.line;
      });
      const { verdict } = verify(lines);
      return { verdict, file: toBytes(lines) };
    });
    compareAll(made.map(({ file }) => file));
    const verdicts = made.map(({ verdict }) => verdict);
    const bad = new Set([1, 3, 13, 15]);
    expect(verdicts).toEqual(cases.map((_, i) => (bad.has(i) ? 'tampered' : 'ok')));
  });
});
