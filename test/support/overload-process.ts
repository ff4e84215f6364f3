/**
 * A service that emits more than can be stored, as a process of its own, so that its resident memory is the
 * publisher's.
 */
import type { PublisherOptions, PublisherStats } from '@waybill/publisher';
import { programText, runProgram } from './program.ts';

/**
 * One publisher after the other does the same in the same process; the first has room for a hundred events. So all that
 * differs is what the second one holds: what making, sending and dropping events leaves lying about for the collector
 * is in both. Nothing calls the collector until the last sample was taken.
 */
const PROGRAM = `
  import { subscribe } from 'node:diagnostics_channel';
  import { createPublisher } from '@waybill/publisher';
  const { options, load, texts } = JSON.parse(process.env.OVERLOAD);
  const encoding = (text) => (Buffer.byteLength(text) === text.length ? 'latin1' : 'utf16le');
  const copies = texts.map((text) => [Buffer.from(text, encoding(text)), encoding(text)]);
  const freshText = (i) => copies[i][0].toString(copies[i][1]);
  let n = 0;
  let dials = 0;
  subscribe('net.client.socket', () => dials++);

  async function run(more) {
    let now = Date.now();
    const clock = load.kind === 'day' ? { clock: () => now } : {};
    const audit = createPublisher({ source: '//test', logger: { info() {}, warn() {} }, ...options, ...clock, ...more });
    const warmUp = () => audit.confirm({ type: 'decision.ended', fields: { orgid: 'warm', duration_ms: 1 } });
    if (load.kind === 'overload') for (let i = 0; i < 20; i++) await warmUp();
    const warm = audit.stats();
    dials = 0;
    let resident = 0;
    const emit = () => {
      const fields = { orgid: 'org-' + (n % 100), actorid: 'user-' + n, name: 'text', value: freshText(n++ % texts.length) };
      audit.emit({ type: 'decision.recorded', fields });
    };
    const turn = () => {
      resident = Math.max(resident, process.memoryUsage.rss());
      return new Promise((resolve) => setImmediate(resolve));
    };
    const start = performance.now();
    if (load.kind === 'overload') {
      for (const first = n; n - first < load.events; await turn()) {
        const due = Math.min(load.events, 20_000 + 10 * (audit.stats().acked - warm.acked));
        for (const ends = performance.now() + 5; n - first < due && performance.now() < ends;) emit();
      }
    } else {
      for (let i = 1; i <= load.events; i++) {
        now += 86_400_000 / load.events;
        emit();
        if (i % 500 === 0) await turn();
      }
    }
    const stats = audit.stats();
    const ms = performance.now() - start;
    await turn();
    gc();
    const { heapUsed, external } = process.memoryUsage();
    await audit.close({ timeoutMs: 1 });
    return { resident, retained: heapUsed + external, dials, ms, warm, stats };
  }
  const base = await run({ maxQueueEvents: 100 });
  const loaded = await run({});
  console.log(JSON.stringify({ base, loaded }));
`;

/**
 * V8 lets garbage lie about as long as it has room, so it is given no more than the loaded process may retain: what a
 * publisher without events retains, 24 MiB, and 48 MiB. A queue that needs more ends the process.
 */
const HEAP = ['--max-old-space-size=72', '--max-semi-space-size=4'];

export interface Overload {
  readonly options: Partial<PublisherOptions>;
  /**
   * `overload`: so many events, ten for each that is acknowledged; `day`: so many, spread over a day of the publisher's
   * clock.
   */
  readonly load: { readonly kind: 'overload' | 'day'; readonly events: number };
  /** One of them is in each event, in turns. */
  readonly texts: readonly string[];
}

export interface Held {
  /** The most bytes that were resident under load. */
  readonly resident: number;
  /** Bytes of JavaScript at its end, after a collection. */
  readonly retained: number;
  /** Sockets that were made under load. */
  readonly dials: number;
  readonly ms: number;
  /** Before the load and at its end. */
  readonly warm: PublisherStats;
  readonly stats: PublisherStats;
}

export async function runOverload(overload: Overload): Promise<{ base: Held; loaded: Held }> {
  // Modules that were compiled before need less memory than a service has when it starts.
  const env = { OVERLOAD: JSON.stringify(overload), NODE_DISABLE_COMPILE_CACHE: '1' };
  const args = [...HEAP, '--expose-gc', ...programText(PROGRAM)];
  const { code, signal, stdout, stderr } = await runProgram(args, { env });
  if (stdout === '')
    throw new Error(`the process ended with ${code ?? signal}: it needed more memory than it was given? ${stderr}`);
  return JSON.parse(stdout) as { base: Held; loaded: Held };
}
