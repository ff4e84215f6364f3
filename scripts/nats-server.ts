/**
 * `npm run nats-server -- ARGUMENTS`: runs the nats-server that `npm start` and the tests use, in the foreground. One
 * that is on PATH or was fetched before is taken; else it is fetched into `.cache/`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describeSource, findNatsServer } from './nats-server/find.ts';

const source = await findNatsServer((line) => console.error(line));
console.error(describeSource(source));
if (source.kind === 'image') {
  console.error(`There is only a Docker image here: docker compose up nats runs it with the shipped configuration.`);
  process.exit(1);
}
const server = spawn(source.path, process.argv.slice(2), { stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => server.kill(signal));
const [code] = (await once(server, 'exit')) as [number | null];
process.exitCode = code ?? 1;
