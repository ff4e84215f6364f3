import fc from 'fast-check';
import { expect, it } from 'vitest';
import { suspicious } from '../../test-support/event.ts';
import { artifactDownloaded, artifactUploaded } from '../event/types/artifact.ts';
import type { JsonObject } from '../json/json.ts';
import { isCertainlyArtifactData } from './check-artifact.ts';

it('recognizes ordinary artifacts, and nothing that the schemas of artifact events refuse', () => {
  const names = fc.constantFrom(
    'digest',
    'size_bytes',
    'file_name',
    'backend_type',
    'skipped',
    'transferred_bytes',
    'other',
  );
  const ordinary = {
    digest: `sha256:${'a'.repeat(64)}`,
    size_bytes: 1,
    file_name: 'f',
    backend_type: 'OCI',
    skipped: true,
  };
  expect(isCertainlyArtifactData(ordinary)).toBe(true);
  fc.assert(
    fc.property(fc.array(fc.tuple(names, suspicious), { maxLength: 3 }), (changes) => {
      const data: JsonObject = { ...ordinary, ...Object.fromEntries(changes) };
      fc.pre(isCertainlyArtifactData(data));
      expect(artifactUploaded.data.safeParse(data).success).toBe(true);
      expect(artifactDownloaded.data.safeParse(data).success).toBe(true);
    }),
    { numRuns: 5_000 },
  );
});
