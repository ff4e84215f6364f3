/**
 * How long tests wait. A test waits for a condition and never for a time to pass; these are the limits after which a
 * condition counts as failed. They are far above what a quiet machine needs, because a busy machine must not fail a
 * test. `TIME_SCALE=3` makes all of them three times as long.
 */
const TIME_SCALE = Number(process.env['TIME_SCALE'] ?? 1);
if (!(TIME_SCALE > 0)) throw new Error(`TIME_SCALE is ${process.env['TIME_SCALE']}: expected a number above 0`);

/** One condition. */
export const WAIT_MS = 120_000 * TIME_SCALE;

/** One test or hook, which may wait for several conditions one after the other. */
export const TEST_MS = 300_000 * TIME_SCALE;

/** For `flush`, `confirm` and `close` of a publisher, whose own defaults are for services. */
export const PATIENT = { timeoutMs: WAIT_MS };
