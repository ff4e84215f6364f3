import type { StreamInfo } from '@nats-io/jetstream';
import { canonicalJson } from '@waybill/schema';
import { describeStream, type StreamDescription } from './stream-config.ts';

/** How streams were found, by name. */
export type StreamConfigs = Readonly<Record<string, StreamDescription>>;

export interface Observation {
  /** RFC 3339, UTC. */
  readonly time: string;
  readonly config: StreamConfigs;
}

/** What was seen of the streams and may not be recorded yet: whoever looks at them writes here, the sessions read. */
export interface StreamHistory {
  observe(config: StreamConfigs): void;
  /** Oldest first; also what was recorded since the last session began. */
  readonly seen: readonly Observation[];
  /** Forgets what the ledger has, when a session begins. */
  settle(newest: NewestRecord | null): void;
}

/** The newest record in the ledger. */
export interface NewestRecord extends Observation {
  /** Sequence in LEDGER of its block. */
  readonly at: number;
}

/** Changes that are kept for the next commit; of more, the newest. */
const MAX_SEEN = 64;

export function createStreamHistory(): StreamHistory {
  let seen: Observation[] = [];
  /** The block with the newest record when a session began last; null: there was none. */
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
      // Others have recorded since, and what they saw of this nobody can tell: what counts is how things are.
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
