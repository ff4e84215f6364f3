/** A function whose process ends the moment it has answered, as a platform may do it. */
import { createPublisher } from '@waybill/publisher';
import { withFlush } from '@waybill/publisher/instrument';
import { beforeEach, expect, test } from 'vitest';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { programText, runProgram } from '../support/program.ts';
import { SOURCE, upload } from '../support/publishers.ts';
import { PATIENT } from '../support/time.ts';
import { createAudit, expectOnceInOrder, readDelivered } from '../support/audit-stream.ts';
import { memoryLogger } from '../support/logger.ts';

beforeEach(needsOwnServer);

const EVENTS = 300;
const PROGRAM = `
  import { createPublisher } from '@waybill/publisher';
  import { withFlush } from '@waybill/publisher/instrument';
  import { SOURCE, upload } from './publishers.ts';
  const audit = createPublisher({ source: SOURCE, servers: process.env.NATS_URL });
  const promises = [];
  const options = process.env.MODE === 'waitUntil' ? { waitUntil: (promise) => promises.push(promise) } : {};
  const body = async () => {
    for (let i = 0; i < ${EVENTS}; i++) audit.emit(upload(i));
    return 'answer';
  };
  const answer = await (process.env.MODE === 'none' ? body : withFlush(audit, body, options))();
  process.stdout.write(answer + ' ' + audit.stats().acked + '\\n');
  await Promise.all(promises);
  process.kill(process.pid, 'SIGKILL');
`;

test.for([
  ['withFlush', `answer ${EVENTS}\n`, EVENTS],
  ['waitUntil', 'answer 0\n', EVENTS],
  // That the others prove something.
  ['none', 'answer 0\n', 0],
] as const)('kill -9 after the answer, with %s', async ([mode, output, stored]) => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  const env = { NATS_URL: server.url, MODE: mode };
  const { stdout, signal } = await runProgram(programText(PROGRAM), { env });
  expect([stdout, signal]).toEqual([output, 'SIGKILL']);
  expectOnceInOrder(await readDelivered(nc), stored);
});

test('a server that does not answer costs the time of the flush and no more; its events go out with the next call', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  await using publisher = createPublisher({ source: SOURCE, servers: server.url, logger: memoryLogger() });
  await publisher.confirm(upload(0), PATIENT);
  const handler = withFlush(
    publisher,
    (number: number) => {
      publisher.emit(upload(number));
      return number;
    },
    { timeoutMs: 200 },
  );
  await server.pause();
  const start = performance.now();
  expect(await handler(1)).toBe(1);
  const tookMs = performance.now() - start;
  expect(tookMs).toBeGreaterThan(195);
  // A flush waits 5 s by default.
  expect(tookMs).toBeLessThan(4_500);
  expect(publisher.stats()).toMatchObject({ acked: 1, pending: 1 });
  await server.resume();
  expect(await withFlush(publisher, handler, PATIENT)(2)).toBe(2);
  expectOnceInOrder(await readDelivered(nc), 3);
});
