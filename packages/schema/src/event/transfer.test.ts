import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyJson } from '../../test-support/json.ts';
import { findVectors, listVectors, readVector } from '../../test-support/vectors.ts';
import { readMessage } from '../internal.ts';
import type { Json } from '../json/json.ts';
import { transferOf } from './transfer.ts';

const vectors = findVectors('chainloop');
const HEX = 'b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9';
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const wrap = (Data: Json): Json => ({ EventType: 'AUDIT_EVENT', Timestamp: '2026-01-01T00:00:00.123456789Z', Data });
const chainloop = (ActionType: string, Info: Json, TargetType = 'CASArtifact'): Json =>
  wrap({ ActionType, TargetType, OrgID: 'o', Info });
const own = (type: string, data: Json): Json => ({ type, data });
const digest = `sha256:${HEX}`;

describe('transferOf, CloudEvents', () => {
  it.each<[string, Json, unknown]>([
    ['casartifact.uploaded', { digest, size_bytes: 5 }, { kind: 'upload', digest, bytes: 5 }],
    ['casartifact.uploaded', { digest, size_bytes: 0 }, { kind: 'upload', digest, bytes: 0 }],
    ['casartifact.uploaded', { digest }, { kind: 'upload', digest, bytes: null }],
    ['casartifact.uploaded', { digest, size_bytes: 5, skipped: false }, { kind: 'upload', digest, bytes: 5 }],
    ['casartifact.uploaded', { digest, size_bytes: 5, skipped: true }, { kind: 'deduplicated', digest, bytes: 5 }],
    ['casartifact.uploaded', { digest, skipped: true }, { kind: 'deduplicated', digest, bytes: null }],
    ['casartifact.downloaded', { digest, size_bytes: 5 }, { kind: 'download', digest, bytes: 5 }],
    ['casartifact.downloaded', { digest }, { kind: 'download', digest, bytes: null }],
    ['release.approved', { digest, size_bytes: 5 }, null],
  ])('%s %j', (type, data, expected) => expect(transferOf(own(type, data))).toEqual(expected));
});

describe('transferOf, Chainloop', () => {
  it.each<[string, Json, unknown]>([
    ['CASArtifactUploaded', { digest: HEX, size_bytes: 5 }, { kind: 'upload', digest, bytes: 5 }],
    ['CASArtifactUploaded', { digest: HEX, size_bytes: 0 }, { kind: 'upload', digest, bytes: null }],
    ['CASArtifactUploaded', { digest: EMPTY, size_bytes: 0 }, { kind: 'upload', digest: `sha256:${EMPTY}`, bytes: 0 }],
    ['CASArtifactUploaded', { digest: HEX }, { kind: 'upload', digest, bytes: null }],
    [
      'CASArtifactUploaded',
      { digest: HEX, size_bytes: 0, skipped: true },
      { kind: 'deduplicated', digest, bytes: null },
    ],
    [
      'CASArtifactUploaded',
      { digest: EMPTY, size_bytes: 0, skipped: true },
      { kind: 'deduplicated', digest: `sha256:${EMPTY}`, bytes: null },
    ],
    ['CASArtifactUploaded', { digest: HEX, size_bytes: 9, skipped: true }, { kind: 'deduplicated', digest, bytes: 9 }],
    ['CASArtifactDownloaded', { digest: HEX, size_bytes: 0 }, { kind: 'download', digest, bytes: null }],
    [
      'CASArtifactDownloaded',
      { digest: EMPTY, size_bytes: 0 },
      { kind: 'download', digest: `sha256:${EMPTY}`, bytes: 0 },
    ],
    ['CASArtifactDownloaded', { digest: HEX, size_bytes: 7, skipped: true }, { kind: 'download', digest, bytes: 7 }],
    ['CASArtifactDeleted', { digest: HEX, size_bytes: 7 }, null],
  ])('%s %j', (action, info, expected) => expect(transferOf(chainloop(action, info))).toEqual(expected));

  it('knows no other target', () =>
    expect(transferOf(chainloop('CASArtifactUploaded', { digest: HEX, size_bytes: 5 }, 'User'))).toBeNull());
});

describe.skipIf(!vectors)('real Chainloop events', () => {
  const digest = `sha256:${HEX}`;
  const expected: Record<string, unknown> = {
    'casartifact_downloaded.json': { kind: 'download', digest, bytes: 1024 },
    'casartifact_uploaded.json': { kind: 'upload', digest, bytes: 1024 },
    'casartifact_upload_skipped.json': { kind: 'deduplicated', digest, bytes: 1024 },
    'casartifact_upload_skipped_unknown_size.json': { kind: 'deduplicated', digest, bytes: null },
    'user_logs_in.json': null,
  };

  it('are these', () => expect(listVectors(vectors).toSorted()).toEqual(Object.keys(expected).toSorted()));

  it.each(listVectors(vectors))('%s is read', (name) => {
    const event = wrap(JSON.parse(readVector(vectors as string, name)) as Json) as {
      Data: { TargetType: string; ActionType: string; OrgID: string };
    };
    const subject = `audit.${event.Data.TargetType}.${event.Data.ActionType}`.toLowerCase();
    const message = readMessage(subject, new TextEncoder().encode(JSON.stringify(event)));
    const reading = { ok: true, orgid: event.Data.OrgID, origin: null };
    expect(message).toMatchObject({ form: 'single', reading });
    expect(transferOf(event as unknown as Json)).toEqual(expected[name]);
  });
});

it('is total, also for what its dialect forbids', () => {
  const nasty: Json = { toString: 1, valueOf: 1 };
  expect(transferOf(own('casartifact.uploaded', { digest: nasty, size_bytes: nasty }))).toEqual({
    kind: 'upload',
    digest: '',
    bytes: null,
  });
  expect(transferOf(chainloop('CASArtifactUploaded', { digest: nasty, skipped: nasty }))).toEqual({
    kind: 'upload',
    digest: '',
    bytes: null,
  });
  fc.assert(
    fc.property(
      anyJson,
      anyJson,
      fc.constantFrom('casartifact.uploaded', 'casartifact.downloaded', 'x.y'),
      (a, b, type) => {
        expect(() =>
          [
            a,
            wrap(a),
            own(type, a),
            own(type, { digest: a, size_bytes: b }),
            chainloop('CASArtifactUploaded', { digest: a, size_bytes: b }),
          ].map(transferOf),
        ).not.toThrow();
      },
    ),
  );
});
