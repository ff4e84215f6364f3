/** Readers come and go while somebody asks. */
import { createClient } from '@waybill/client';
import { expect, test } from 'vitest';
import { createLedgerBuilder } from '../support/ledger-builder.ts';
import { startNats } from '../support/nats.ts';
import { serveReader } from '../support/served-reader.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { makeStreams } from '../support/traffic.ts';

test('who follows goes on with the next reader, and a verification that was forgotten is started again', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const builder = createLedgerBuilder(nc, settings);
  const add = async (bytes: number): Promise<void> => {
    builder.append({ orgid: 'acme', received: '2025-11-03T12:00:00.000Z', bytes });
    await builder.commit();
  };
  await add(1);
  let reader = await serveReader(nc, settings);
  try {
    await using proxy = await startTcpProxy({ target: () => reader.port });
    const client = createClient({
      url: `http://127.0.0.1:${proxy.port}`,
      token: 'root',
      retryDelayMs: 5,
      retries: 100,
    });
    const restart = async (): Promise<void> => {
      await reader[Symbol.asyncDispose]();
      await add(2);
      reader = await serveReader(nc, settings);
    };
    const seqs: number[] = [];
    for await (const { core } of client.entries.follow({ orgid: 'acme' })) {
      seqs.push(core.seq);
      if (seqs.length === 2) break;
      await restart();
    }
    expect(seqs).toEqual([1, 2]);

    let restarted: Promise<void> | undefined;
    const { report } = await client.verifications.run(
      { orgid: 'acme' },
      { pollMs: 5, onProgress: () => void (restarted ??= restart()) },
    );
    await restarted;
    expect(report.chains.map(({ orgid }) => orgid)).toContain('acme');
    // Of the second reader.
    expect(reader.answered).toContainEqual({ operation: 'verifications.start', code: 'OK' });
  } finally {
    await reader[Symbol.asyncDispose]();
  }
});
