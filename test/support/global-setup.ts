import type { TestProject } from 'vitest/node';
import { shownServer } from '../../packages/schema/src/config/server-address.ts';
import { describeSource, findNatsServer, type NatsServerSource } from '../../scripts/nats-server/find.ts';

/** Which server the tests run on: one that exists already, or a source to start their own from. */
export type TestServer = { kind: 'existing'; url: string } | NatsServerSource;

declare module 'vitest' {
  interface ProvidedContext {
    natsServer: TestServer;
  }
}

/** Chooses once for all workers, and says what it chose. */
export default async function setup(project: TestProject): Promise<void> {
  const url = process.env['NATS_URL'];
  if (url) {
    console.error(`tests use the running server of NATS_URL: ${shownServer(url) ?? '(not shown)'}`);
    project.provide('natsServer', { kind: 'existing', url });
    return;
  }
  const source = await findNatsServer((line) => console.error(line));
  console.error(`tests use ${describeSource(source)}`);
  project.provide('natsServer', source);
}
