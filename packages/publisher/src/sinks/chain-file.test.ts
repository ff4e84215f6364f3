import { mkdtempDisposableSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { artifactUploaded, verify } from '@waybill/schema';
import { expect, test } from 'vitest';
import { fileSink } from './file-sink.ts';

test('organizations that differ in capitals have files that differ on every disk', async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'waybill-capitals-'));
  const orgids = ['acme', 'Acme', 'ACME', 'aCMe'];
  for (let start = 1; start <= 2; start++) {
    await using sink = fileSink({ source: '//cas', directory: folder.path });
    for (const orgid of orgids) {
      const upload = artifactUploaded({ orgid, digest: `sha256:${'0'.repeat(64)}`, size_bytes: start });
      // Each sink ends with an entry that says so.
      expect(await sink.confirm(upload)).toMatchObject({ seq: 2 * start - 1 });
    }
  }
  const files = readdirSync(folder.path).filter((name) => name.endsWith('.ndjson'));
  expect(files.toSorted()).toEqual(['!a!c!m!e.ndjson', '!acme.ndjson', 'a!c!me.ndjson', 'acme.ndjson'].toSorted());
  expect(new Set(files.map((name) => name.toLowerCase())).size).toBe(4);
  const lines = readFileSync(join(folder.path, '!acme.ndjson'), 'utf8').split('\n').slice(0, -1);
  expect(verify(lines, { orgid: 'Acme' })).toMatchObject({ verdict: 'ok', entries: 4, open: [] });
});
