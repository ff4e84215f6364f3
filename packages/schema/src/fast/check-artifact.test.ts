import fc from 'fast-check';
import { expect, it } from 'vitest';
import { suspicious } from '../../test-support/event.ts';
import { partOf } from '../../test-support/part.ts';
import { artifactDownloaded, artifactUploaded } from '../event/types/artifact.ts';
import type { JsonObject } from '../json/json.ts';
import { installArtifactRecognizer } from '../message/built-in-data.ts';
import { createDataCheck } from '../message/data-check.ts';
import { stampEvent } from '../message/stamp.ts';
import { isCertainlyArtifactData } from './check-artifact.ts';

const checkData = createDataCheck();
const stamp = {
  id: '01997b3c-0000-7000-8000-000000000001',
  source: '//cas.example/artifact-cas',
  time: '2026-01-01T00:00:00.000Z',
};

/** The text of an upload with this data, or what is wrong with it. */
function stamped(data: JsonObject): string {
  try {
    return stampEvent('casartifact.uploaded', { ...data, orgid: 'acme' }, stamp, checkData).text;
  } catch (error) {
    return String(error);
  }
}

it('recognizes ordinary artifacts, nothing that their schemas refuse, and nothing that these would change', () => {
  const names = fc.constantFrom(
    'digest',
    'size_bytes',
    'file_name',
    'backend_type',
    'skipped',
    'transferred_bytes',
    'other',
    '__proto__',
  );
  const odd = fc.constantFrom<unknown>(undefined, [undefined], { a: undefined }, 1n, Number.NaN, '\ud800', new Date(0));
  const changes = fc.array(fc.tuple(names, fc.oneof({ weight: 4, arbitrary: suspicious }, odd)), { maxLength: 3 });
  const ordinary = {
    digest: `sha256:${'a'.repeat(64)}`,
    size_bytes: 1,
    file_name: 'f',
    backend_type: 'OCI',
    skipped: true,
  };
  expect(isCertainlyArtifactData(ordinary)).toBe(true);
  let recognized = 0;
  fc.assert(
    fc.property(changes, (changed) => {
      const data = { ...ordinary, ...Object.fromEntries(changed) } as JsonObject;
      const plain = stamped(data);
      installArtifactRecognizer(isCertainlyArtifactData);
      const fast = stamped(data);
      installArtifactRecognizer(() => false);
      expect(fast).toBe(plain);
      if (!isCertainlyArtifactData(data)) return;
      recognized++;
      expect(artifactUploaded.data.safeParse(data).success).toBe(true);
      expect(artifactDownloaded.data.safeParse(data).success).toBe(true);
    }),
    { numRuns: partOf(5_000) },
  );
  expect(recognized).toBeGreaterThan(partOf(100));
});
