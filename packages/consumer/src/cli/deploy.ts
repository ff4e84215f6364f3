import type { NatsConnection } from '@nats-io/nats-core';
import { type Config, readConfig } from '../config/config.ts';
import { openConnection } from '../nats/connect.ts';
import {
  accessStream,
  checkAccess,
  checkStreams,
  deployAccess,
  deployOptions,
  deployStreams,
} from '../streams/deploy.ts';
import type { Drift } from '../streams/stream-config.ts';
import type { Command } from './command.ts';
import { withNats } from './with-nats.ts';

export const deployCommand: Command = {
  name: 'deploy',
  summary: 'Create and correct the streams, or compare them with what they should be',
  help: `Usage: waybill deploy [--check] [--json]

Creates the streams of events and of blocks where they are missing, and corrects them where they differ from what the
WAYBILL_* variables say. Doing it twice is doing it once. A change that would erase something or give up a protection is
refused, and then nothing is changed. With WAYBILL_STREAM_MODE=bind the stream of events is not touched. With an
identity of its own for the stream of tokens (WAYBILL_ACCESS_NATS_*), it does the same for that stream.

  --check      change nothing; print what differs as a diff from what is there to what is wanted
  --json       --check: an array of { stream, field, wanted, found }; else of { stream, action, drift }
  -h, --help   this text

Exit codes: 0; 1 when --check found a difference; 78 for a change that is refused; others as listed in
docs/reference/cli.md.`,
  options: { check: { type: 'boolean' }, json: { type: 'boolean' } },
  async run(context) {
    const { values, output, env } = context;
    const config = readConfig(env);
    const options = deployOptions(config);
    if (values.flag('check')) {
      const drift = [
        ...(await withNats(context, (nc) => checkStreams(nc, options))),
        ...(await withOwnAccess(config, (nc) => checkAccess(nc, accessStream(config)))),
      ];
      if (values.flag('json')) await output.json(drift);
      else await output.text(diff(drift));
      return drift.length === 0 ? 0 : 1;
    }
    const deployed = [
      ...(await withNats(context, (nc) => deployStreams(nc, options))),
      ...(await withOwnAccess(config, (nc) => deployAccess(nc, accessStream(config)))),
    ];
    if (values.flag('json')) await output.json(deployed);
    else {
      for (const { stream, action, drift } of deployed) {
        await output.text([`stream ${stream}: ${action}`]);
        if (action === 'corrected') await output.text(diff(drift));
      }
    }
    return 0;
  },
};

/** Nothing where tokens have no connection of their own: `waybill token create` makes their stream. */
async function withOwnAccess<T>({ access }: Config, change: (nc: NatsConnection) => Promise<T[]>): Promise<T[]> {
  if (access.nats === null) return [];
  const nc = await openConnection(access.nats);
  try {
    return await change(nc);
  } finally {
    await nc.close();
  }
}

/** Like `diff -u`: what is there with a minus, what is wanted with a plus. */
function diff(drift: readonly Drift[]): string[] {
  if (drift.length === 0) return [];
  const lines = ['--- found', '+++ wanted'];
  let stream = '';
  for (const one of drift) {
    if (one.stream !== stream) lines.push(`@@ stream ${one.stream} @@`);
    stream = one.stream;
    lines.push(`-${one.field}: ${show(one.field, one.found)}`, `+${one.field}: ${show(one.field, one.wanted)}`);
  }
  return lines;
}

const NANOSECONDS: ReadonlySet<string> = new Set(['max_age', 'duplicate_window', 'subject_delete_marker_ttl']);

function show(field: string, value: unknown): string {
  if (value === null) return field === 'stream' ? 'missing' : 'none';
  if (NANOSECONDS.has(field) && typeof value === 'number') return value === 0 ? 'none' : `${value / 1e9}s`;
  return typeof value === 'string' ? value : JSON.stringify(value);
}
