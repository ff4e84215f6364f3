/**
 * The store as a service of its own:
 *
 *     STORE_FOLDER=/var/lib/cas PORT=8080 NATS_URL=nats://127.0.0.1:4222 \
 *       node_modules/.bin/node --conditions=source examples/artifact-store/main.ts
 */
import { createPublisher } from '@waybill/publisher';
import { startArtifactStore } from './artifact-store.ts';

const { STORE_FOLDER: folder, PORT: port = '0', NATS_URL, NATS_USER, NATS_PASSWORD, NATS_INBOX_PREFIX } = process.env;
if (!folder) throw new Error('STORE_FOLDER is not set: expected a folder to keep the artifacts in');

const audit = createPublisher({
  source: '//cas.example/artifact-store',
  servers: NATS_URL,
  connect: {
    ...(NATS_USER !== undefined && { user: NATS_USER, pass: NATS_PASSWORD ?? '' }),
    ...(NATS_INBOX_PREFIX !== undefined && { inboxPrefix: NATS_INBOX_PREFIX }),
  },
});
const store = await startArtifactStore({ folder, audit, port: Number(port) });
console.log(`artifact-store listens on ${store.url}`);

for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, stop);

function stop(): void {
  // First the requests, then what they emitted.
  store
    .close()
    .then(() => audit.close({ timeoutMs: 5_000 }))
    .then(({ acked, lost }) => console.log(`stopped; ${acked} events are stored and ${lost} are lost`))
    .catch((error: unknown) => console.error(error));
}
