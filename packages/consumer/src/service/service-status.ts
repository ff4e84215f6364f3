/**
 * The one status behind `/status`, `/metrics`, `/readyz` and `$SRV.STATS`, so that they cannot contradict each other.
 */
import { VERSION } from '../version.ts';
import { describeDenial } from '../nats/nats-error.ts';
import type { PermissionDenial } from '../nats/permission-denials.ts';
import { describeDrift, type Drift } from '../streams/stream-config.ts';
import type { StreamWatch } from '../streams/stream-watch.ts';
import type { ConsumerStatus } from '../writer/consumer-status.ts';
import type { ConnectionWatch } from './connection-watch.ts';
import type { LagProbe, StreamSize } from './lag-probe.ts';
import { STALLED_SECONDS } from './stall.ts';

export interface ServiceStatus extends ConsumerStatus {
  readonly version: string;
  /** Names this process; the same as in `$SRV.*`. */
  readonly id: string;
  /** RFC 3339, UTC, as all times here. */
  readonly started: string;
  readonly connected: boolean;
  /** Since when the server does not accept this identity; null: it does. */
  readonly identityRefusedSince: string | null;
  /** Reconnections since the start. */
  readonly reconnects: number;
  /** Age of the oldest event that is in no chain; 0 when all are chained. */
  readonly lagSeconds: number;
  /** How long nothing has been chained although events wait; 0 when none does. */
  readonly stalledSeconds: number;
  readonly lastCommitAt: string | null;
  /** How far `latestReceived` is ahead of this process's clock; 0 when it is not. */
  readonly clockAheadSeconds: number;
  /** What in the streams' configuration is not as wanted, as of `driftCheckedAt`. */
  readonly drift: readonly Drift[];
  readonly driftCheckedAt: string | null;
  /** What the service tried lately and its NATS identity may not do. */
  readonly refused: readonly PermissionDenial[];
  readonly streams: readonly StreamSize[];
}

export interface StatusSources {
  readonly instance: { readonly id: string; readonly started: Date };
  readonly consumer: ConsumerStatus;
  readonly probe: LagProbe;
  readonly connection: ConnectionWatch;
  readonly watch: StreamWatch;
  readonly lastCommitAt: Date | null;
}

export function readStatus({
  instance,
  consumer,
  probe,
  connection,
  watch,
  lastCommitAt,
}: StatusSources): ServiceStatus {
  const { events, seconds, stalledSeconds } = probe.lag();
  return {
    ...consumer,
    lag: events,
    lagSeconds: seconds,
    stalledSeconds,
    lastCommitAt: lastCommitAt?.toISOString() ?? null,
    version: VERSION,
    id: instance.id,
    started: instance.started.toISOString(),
    clockAheadSeconds: secondsAhead(consumer.latestReceived, Date.now()),
    connected: connection.isConnected,
    identityRefusedSince: connection.identityRefusedSince?.toISOString() ?? null,
    reconnects: connection.reconnects,
    drift: watch.drift,
    driftCheckedAt: watch.checkedAt?.toISOString() ?? null,
    refused: connection.denials.current(),
    streams: probe.sizes(),
  };
}

/** How far a time in a chain is ahead of `now`. Small differences are those of two machines' clocks. */
function secondsAhead(received: string | null, now: number): number {
  return received === null ? 0 : Math.max(0, Date.parse(received) - now) / 1000;
}

/** Why the service is not ready; empty when it is. A drift of AUDIT is no reason: chaining has to go on. */
export function unreadiness(status: ServiceStatus): string[] {
  const why: string[] = [];
  const { identityRefusedSince, stalledSeconds, lag } = status;
  if (identityRefusedSince !== null) why.push(`NATS refuses this identity since ${identityRefusedSince}`);
  else if (!status.connected) why.push('not connected to NATS');
  if (status.role !== 'writer' && status.role !== 'standby') {
    why.push(`role is ${status.role}${status.lastError === null ? '' : `: ${status.lastError}`}`);
  }
  if (stalledSeconds > STALLED_SECONDS)
    why.push(`nothing has been chained for ${Math.floor(stalledSeconds)} s, and ${lag} messages wait`);
  for (const denial of status.refused) if (!denial.optional) why.push(describeDenial(denial));
  for (const one of status.drift) if (one.field === 'stream') why.push(describeDrift(one));
  return why;
}
