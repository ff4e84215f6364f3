import { beforeEach, expect, test } from 'vitest';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { createAudit, expectBalanced } from '../support/audit-stream.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { type Held, runOverload } from '../support/overload-process.ts';
import { IS_WHOLE } from '../support/part.ts';

/**
 * The promise: whatever is emitted, and however long nothing can be stored, the process grows by at most 1.5 times the
 * byte bound of the queue (the default, 32 MiB) beyond what it has resident with room for a hundred events.
 */

beforeEach(needsOwnServer);

const MIB = 1024 * 1024;
const ALLOWED = 1.5 * 32 * MIB;

const ascii = (length: number) => 'x'.repeat(length);
/** UTF-8 needs one byte for a letter of it, V8 two. */
const wide = (length: number) => `${'x'.repeat(length)}€`;
const TEXTS = {
  small: [ascii(150)],
  'two kilobytes': [ascii(2_000)],
  large: [20_000, 40_000, 60_000].map(ascii),
  'large and wide': [20_000, 40_000, 60_000].map(wide),
} as const;
const KINDS = Object.keys(TEXTS) as (keyof typeof TEXTS)[];

/**
 * `npm test` fills the queue, and the disk, several times; `npm run test:long` goes on for as long as a service may.
 */
const EVENTS = IS_WHOLE
  ? { small: 1_000_000, 'two kilobytes': 1_000_000, large: 250_000, 'large and wide': 250_000 }
  : { small: 100_000, 'two kilobytes': 50_000, large: 6_000, 'large and wide': 5_000 };
const DISK = (IS_WHOLE ? 64 : 16) * MIB;

function expectBounded(what: string, { base, loaded }: { base: Held; loaded: Held }): void {
  const { stats, warm, dials } = loaded;
  const mib = (bytes: number) => (bytes / MIB).toFixed(1);
  console.log(
    `${what}: ${stats.emitted - warm.emitted} emitted, ${stats.acked - warm.acked} acknowledged,`,
    `${stats.dropped.queue_full} dropped, ${stats.spooled} on disk, ${stats.pending} in memory (${mib(stats.pendingBytes)} MiB);`,
    `${dials} dials; resident ${mib(base.resident)} + ${mib(loaded.resident - base.resident)} MiB,`,
    `retained ${mib(base.retained)} + ${mib(loaded.retained - base.retained)} MiB`,
    base.ms | 0,
    loaded.ms | 0,
  );
  expectBalanced(stats);
  // All of it was too much, and nothing else was wrong.
  expect(stats.dropped.queue_full).toBeGreaterThan(0);
  expect(stats.emitted).toBe(stats.acked + stats.pending + stats.spooled + stats.dropped.queue_full);
  expect(loaded.retained - base.retained).toBeLessThanOrEqual(ALLOWED);
  expect(loaded.resident - base.resident).toBeLessThanOrEqual(ALLOWED);
}

test.for(KINDS)('an overload, %s events', async (kind) => {
  await using server = await startNats();
  await createAudit(await server.connect(), { max_bytes: 64 * MIB });
  const load = { kind: 'overload', events: EVENTS[kind] } as const;
  const held = await runOverload({ options: { servers: server.url }, texts: TEXTS[kind], load });
  expectBounded(`overload, ${kind}`, held);
  const { stats, warm } = held.loaded;
  // An overload all the same on a machine that is busy with something else: the emitter gets less of it than the
  // server.
  expect(stats.emitted - warm.emitted).toBeGreaterThan(2 * (stats.acked - warm.acked));
});

test.for(KINDS)('a day without a server, %s events, without and with a spool', async (kind) => {
  await using server = await startNats();
  await server.stop();
  for (const maxSpoolBytes of [0, DISK]) {
    using dir = temporaryDirectory();
    const spool = maxSpoolBytes > 0 && { spoolDir: dir.path, maxSpoolBytes };
    // The day is one of the publisher's clock; its dials follow the real one, and hurry.
    const options = { servers: server.url, backoffMinMs: 1, backoffMaxMs: 2, ...spool };
    const load = { kind: 'day', events: EVENTS[kind] } as const;
    const held = await runOverload({ options, texts: TEXTS[kind], load });
    expectBounded(`a day, ${kind}, ${maxSpoolBytes / MIB} MiB of disk`, held);
  }
});
