/**
 * What receipts cost: acknowledged events/s with a signer and without, beside `crypto.sign` alone over the same texts,
 * which is the ceiling; and the time of the call of `emit`, which signing must not be in.
 *
 * Rounds alternate, so that a busy machine is busy for all; the medians are compared.
 *
 *     npm run bench -- signing        (NATS_SERVER_BIN names the server to use)
 */
import { generateKeyPairSync, sign } from 'node:crypto';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { artifactUploaded, createPublisher, createSigner, type Signer } from '@waybill/publisher';
import { findNatsServer } from '../scripts/nats-server/find.ts';
import { startNatsServer } from '../scripts/nats-server/server.ts';
import { median } from './median.ts';
import { fieldsOf, SOURCE, stamp } from './upload.ts';

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 7);
const EVENTS = Number(process.env['BENCH_EVENTS'] ?? 10_000);
const QUIET = { info: () => {}, warn: () => {} };
const key = generateKeyPairSync('ed25519').privateKey;

function signAlone(): number {
  const texts = Array.from({ length: 1_000 }, (_, n) => stamp(n, { keyid: '0197c0de-0000-70' }).text);
  const start = performance.now();
  let length = 0;
  for (let n = 0; n < EVENTS; n++) length += sign(null, Buffer.from(texts[n % 1_000] as string), key).length;
  if (length !== EVENTS * 64) throw new Error('not signed');
  return (EVENTS * 1000) / (performance.now() - start);
}

/** Acknowledged events a second, and the median call of `emit` in nanoseconds. */
async function emitAll(url: string, signer: Signer | undefined): Promise<{ rate: number; emitNs: number }> {
  const publisher = createPublisher({ source: SOURCE, servers: url, logger: QUIET, ...(signer && { signer }) });
  await publisher.confirm(artifactUploaded(fieldsOf(0)));
  const drafts = Array.from({ length: EVENTS }, (_, n) => artifactUploaded(fieldsOf(n)));
  const calls: number[] = [];
  const start = performance.now();
  for (let n = 0; n < EVENTS;) {
    // As fast as the queue takes them, and no faster: a drop would be cheating.
    while (n < EVENTS && publisher.stats().pending < 8_000) {
      for (let i = 0; i < 250 && n < EVENTS; i++) {
        const before = performance.now();
        publisher.emit(drafts[n++] as (typeof drafts)[number]);
        calls.push(performance.now() - before);
      }
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (!(await publisher.flush({ timeoutMs: 60_000 }))) throw new Error('not flushed');
  const rate = (EVENTS * 1000) / (performance.now() - start);
  const { acked, unsigned } = publisher.stats();
  if (acked !== EVENTS + 1 || (unsigned?.no_key ?? 0) > 0) throw new Error(JSON.stringify(publisher.stats()));
  await publisher.close();
  return { rate, emitNs: median(calls) * 1e6 };
}

async function main(): Promise<void> {
  await using server = await startNatsServer({ source: await findNatsServer((line) => console.error(line)) });
  const nc = await connect({ servers: server.url, noAsyncTraces: true });
  const manager = await jetstreamManager(nc);
  await manager.streams.add({ name: 'AUDIT', subjects: ['audit.>'] });
  console.log(`node ${process.version}, nats-server ${server.version}; ${ROUNDS} rounds of ${EVENTS} events`);
  const signer = createSigner({ secret: key });
  const rounds = { alone: [] as number[], signed: [] as number[], plain: [] as number[] };
  const calls = { signed: [] as number[], plain: [] as number[] };
  for (let i = -1; i < ROUNDS; i++) {
    const alone = signAlone();
    const plain = await emitAll(server.url, undefined);
    const signed = await emitAll(server.url, signer);
    await manager.streams.purge('AUDIT');
    if (i < 0) continue;
    rounds.alone.push(alone);
    rounds.plain.push(plain.rate);
    rounds.signed.push(signed.rate);
    calls.plain.push(plain.emitNs);
    calls.signed.push(signed.emitNs);
  }
  const [alone, plain, signed] = [median(rounds.alone), median(rounds.plain), median(rounds.signed)];
  const row = (rate: number, emitNs?: number) => ({
    'events/s': Math.round(rate),
    'µs each': Number((1e6 / rate).toFixed(1)),
    'beside crypto.sign': Number((rate / alone).toFixed(2)),
    ...(emitNs !== undefined && { 'median emit ns': Math.round(emitNs) }),
  });
  console.table({
    'crypto.sign alone (ceiling)': row(alone),
    'emit, signed, acknowledged': row(signed, median(calls.signed)),
    'emit, acknowledged': row(plain, median(calls.plain)),
  });
  const extraUs = 1e6 / signed - 1e6 / plain;
  console.log(`a receipt costs ${extraUs.toFixed(1)} µs, ${((extraUs * alone) / 1e6).toFixed(2)} of crypto.sign alone`);
  await nc.close();
}

// The server's process does not hold this one while it is being stopped.
const hold = setInterval(() => {}, 1_000);
await main();
clearInterval(hold);
