import { mkdtempDisposableSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { artifactUploaded } from '@waybill/schema';
import { expect, test } from 'vitest';
import type { Publisher } from '../handle.ts';
import { sinkFromEnvironment } from './environment-sink.ts';

const event = artifactUploaded({ orgid: 'acme', digest: `sha256:${'0'.repeat(64)}` });
const source = '//test';

function logged() {
  const lines: [object, string][] = [];
  return { lines, logger: { info: () => {}, warn: (fields: object, line: string) => void lines.push([fields, line]) } };
}

test.for([{}, { WAYBILL_SINK: '' }, { WAYBILL_SINK: 'nats' }])('%o: a publisher that is disabled', async (env) => {
  const { logger, lines } = logged();
  await using sink = sinkFromEnvironment({ source, logger, strict: true }, env);
  expect((sink as Publisher).status().state).toBe('disabled');
  expect(lines).toHaveLength(1);
});

test('WAYBILL_SINK=nats with a server and an identity: a publisher that connects', async () => {
  const { logger } = logged();
  const env = {
    WAYBILL_NATS_URL: 'nats://127.0.0.1:1',
    WAYBILL_NATS_USER: 'u',
    WAYBILL_NATS_PASSWORD: 'p',
    WAYBILL_NATS_INBOX_PREFIX: '_INBOX.u',
  };
  await using sink = sinkFromEnvironment({ source, logger, strict: true, closeTimeoutMs: 1 }, env);
  expect((sink as Publisher).status().state).toBe('connecting');
  expect(sink.enabled('casartifact.uploaded')).toBe(true);
});

test('WAYBILL_SINK=file writes chains', async () => {
  using dir = mkdtempDisposableSync(join(tmpdir(), 'waybill-environment-'));
  const env = { WAYBILL_SINK: 'file', WAYBILL_SINK_DIRECTORY: dir.path };
  const allowTypes = ['casartifact.uploaded'];
  await using sink = sinkFromEnvironment({ source, allowTypes, strict: true, windowEvents: 7 }, env);
  await sink.confirm(event);
  expect(sink.enabled('casartifact.downloaded')).toBe(false);
  expect(readFileSync(join(dir.path, 'acme.ndjson'), 'utf8')).toContain('casartifact.uploaded');
});

test('WAYBILL_SINK=null takes nothing', async () => {
  await using sink = sinkFromEnvironment({ source, strict: true }, { WAYBILL_SINK: 'null', WAYBILL_NATS_URL: 'x' });
  sink.emit(event);
  expect(sink.enabled('casartifact.uploaded')).toBe(false);
});

test.for<[Record<string, string>, string]>([
  [{ WAYBILL_SINK: 'kafka' }, 'WAYBILL_SINK is "kafka", expected nats, file or null'],
  [{ WAYBILL_SINK: 'file' }, 'WAYBILL_SINK is file, which needs WAYBILL_SINK_DIRECTORY'],
  [{ WAYBILL_SINK: 'file', WAYBILL_SINK_DIRECTORY: import.meta.filename }, 'directory'],
  [
    { WAYBILL_NATS_TOKEN: 'secret', WAYBILL_NATS_CREDS_FILE: '/creds' },
    'WAYBILL_NATS_TOKEN and WAYBILL_NATS_CREDS_FILE are set: expected one identity',
  ],
  [{ WAYBILL_NATS_USER: 'u' }, 'expected both WAYBILL_NATS_USER and WAYBILL_NATS_PASSWORD'],
  [{ WAYBILL_NATS_PASSWORD: 'secret' }, 'expected both WAYBILL_NATS_USER and WAYBILL_NATS_PASSWORD'],
])('%o: the null sink and one line, and with strict an error', ([env, reason]) => {
  const { logger, lines } = logged();
  const sink = sinkFromEnvironment({ source, logger }, env);
  sink.emit(event);
  expect(sink.enabled('casartifact.uploaded')).toBe(false);
  expect(lines).toEqual([
    [{ reason: expect.stringContaining(reason) }, 'the sink of events is configured wrongly: events are dropped'],
  ]);
  expect(JSON.stringify(lines)).not.toContain('secret');
  expect(() => sinkFromEnvironment({ source, logger, strict: true }, env)).toThrow(reason);
});
