/**
 * `npm start` and `npm run serve`: PLACEHOLDER. It finds a nats-server, starts it, and then fails, because there is no
 * consumer and no example to run yet.
 */
import { describeSource, findNatsServer } from './nats-server/find.ts';
import { startNatsServer } from './nats-server/server.ts';

const source = await findNatsServer((line) => console.error(line));
console.error(describeSource(source));
await using server = await startNatsServer({ source });
console.error(`nats-server listens on ${server.url}`);
console.error('NOT IMPLEMENTED: scripts/start.ts is a placeholder. Nothing was stored, billed or verified.');
process.exitCode = 70;
