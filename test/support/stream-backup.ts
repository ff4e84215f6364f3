/**
 * `nats stream backup` and `nats stream restore` without that program: the same requests to the JetStream API
 * (`$JS.API.STREAM.SNAPSHOT` and `.RESTORE`), the snapshot held in memory.
 */
import type { StreamConfig, StreamState } from '@nats-io/jetstream';
import { createInbox, type NatsConnection } from '@nats-io/nats-core';
import { WAIT_MS } from './time.ts';

export interface StreamBackup {
  readonly config: StreamConfig;
  readonly state: StreamState;
  readonly chunks: readonly Uint8Array[];
}

type Answer<T> = T & { readonly error?: { readonly description: string } };

export async function backUp(nc: NatsConnection, stream: string): Promise<StreamBackup> {
  const deliver_subject = createInbox();
  const chunks: Uint8Array[] = [];
  const done = Promise.withResolvers<void>();
  const sub = nc.subscribe(deliver_subject, {
    callback(error, message) {
      if (error) return done.reject(error);
      if (message.data.length > 0) {
        chunks.push(message.data);
        message.respond();
        return;
      }
      const code = message.headers?.code ?? 0;
      if (code === 0 || code === 204) done.resolve();
      else done.reject(new Error(`snapshot of ${stream}: ${code} ${message.headers?.description}`));
    },
  });
  try {
    // --check: every message's checksum first.
    const request = JSON.stringify({ deliver_subject, no_consumers: true, jsck: true });
    const answer = await ask<{ config: StreamConfig; state: StreamState }>(nc, `SNAPSHOT.${stream}`, request);
    await done.promise;
    return { config: answer.config, state: answer.state, chunks };
  } finally {
    sub.unsubscribe();
  }
}

export async function restore(nc: NatsConnection, { config, state, chunks }: StreamBackup): Promise<void> {
  const { deliver_subject } = await ask<{ deliver_subject: string }>(
    nc,
    `RESTORE.${config.name}`,
    JSON.stringify({ config, state }),
  );
  for (const chunk of chunks) await nc.request(deliver_subject, chunk, { timeout: WAIT_MS });
  const end = (await nc.request(deliver_subject, '', { timeout: WAIT_MS })).json<Answer<object>>();
  if (end.error) throw new Error(`restore of ${config.name}: ${end.error.description}`);
}

async function ask<T>(nc: NatsConnection, what: string, request: string): Promise<T> {
  const answer = (await nc.request(`$JS.API.STREAM.${what}`, request, { timeout: WAIT_MS })).json<Answer<T>>();
  if (answer.error) throw new Error(`${what}: ${answer.error.description}`);
  return answer;
}
