import type { StreamInfo } from '@nats-io/jetstream';
import { canonicalJson } from '@waybill/schema';
import { describeStream, type StreamDescription } from './stream-config.ts';

/** How the streams are configured, by name. */
export type StreamConfigs = Readonly<Record<string, StreamDescription>>;

export interface Observation {
  /** RFC 3339, UTC. */
  readonly time: string;
  readonly config: StreamConfigs;
}

/**
 * How the streams were found, as far as the ledger may not have it yet. Whoever looks at the streams adds to it; the
 * writer's sessions read it.
 */
export interface StreamHistory {
  observe(config: StreamConfigs): void;
  /** Oldest first. Also those that were recorded since the present session began. */
  readonly seen: readonly Observation[];
  /** Forgets what the ledger has. Called when a session begins. */
  settle(newest: NewestRecord | null): void;
}

/** The newest record in the ledger. */
export interface NewestRecord extends Observation {
  /** Sequence in LEDGER of its block. */
  readonly at: number;
}

/** If there are more for the next commit, the newest are kept. */
const MAX_SEEN = 64;

export function createStreamHistory(): StreamHistory {
  let seen: Observation[] = [];
  /** The block that had the newest record when the last session began; null when there was none. */
  let known: number | null | undefined;
  return {
    get seen() {
      return seen;
    },
    observe(config) {
      const last = seen.at(-1);
      if (last && canonicalJson(last.config) === canonicalJson(config)) return;
      seen = [...seen, { time: new Date().toISOString(), config }].slice(-MAX_SEEN);
    },
    settle(newest) {
      const at = newest?.at ?? null;
      const ours = newest ? seen.findIndex((one) => isSame(one, newest)) : -1;
      if (ours >= 0) seen = seen.slice(ours + 1);
      // Another writer has recorded since. Which of these it saw is not known: what counts is how the streams are now.
      else if (at !== known) seen = [];
      known = at;
    },
  };
}

function isSame(a: Observation, b: Observation): boolean {
  return a.time === b.time && canonicalJson(a.config) === canonicalJson(b.config);
}

export function configsOf(infos: readonly StreamInfo[]): StreamConfigs {
  return Object.fromEntries(infos.map((info) => [info.config.name, describeStream(info)]));
}
