import { artifactUploaded } from '@waybill/publisher';
import { fileSink } from '@waybill/publisher/sinks';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { waybill } from '../support/waybill.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { PATIENT } from '../support/time.ts';

/** What `fileSink` wrote is judged by the command that auditors use. */

const digestOf = (n: number) => `sha256:${n.toString(16).padStart(64, '0')}`;

test('verify --file takes a chain that log rotation has cut into files, in any order, and finds what is missing', async () => {
  using dir = temporaryDirectory();
  const path = join(dir.path, '!acme.ndjson');
  const olds = ['-20261128', '-20261129'].map((date) => `${path}${date}`) as [string, string];
  for (const [round, rotated] of [...olds, undefined].entries()) {
    await using sink = fileSink({ source: '//cas', directory: dir.path });
    await sink.confirm(artifactUploaded({ orgid: 'Acme', digest: digestOf(round), size_bytes: 100 }), PATIENT);
    // Deduplicated: its size is in the file before.
    await sink.confirm(
      artifactUploaded({ orgid: 'Acme', digest: digestOf(Math.max(0, round - 1)), skipped: true }),
      PATIENT,
    );
    if (rotated !== undefined) renameSync(path, rotated);
  }
  const ok = {
    code: 0,
    stdout: expect.stringMatching(/^ok +Acme: 9 entries.*\n(checked: .*\n)+not checked: .*: 9\nverdict: ok\n$/),
  };
  expect(await waybill(['verify', '--file', ...olds, path])).toMatchObject(ok);
  // As the shell sorts `!acme.ndjson*`.
  expect(await waybill(['verify', '--file', path, ...olds, '--org', 'Acme'])).toMatchObject(ok);
  expect(await waybill(['verify', '--file', path, '--from-seq', '6'])).toMatchObject({ code: 0 });
  expect(await waybill(['verify', '--file', olds[0], path])).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('expected seq 3, found 6'),
  });
});
