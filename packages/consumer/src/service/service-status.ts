/** What `/status`, `/metrics`, `/readyz` and `$SRV.STATS` say: put together once, so that they cannot contradict each other. */
import { describeDenial } from '../nats/nats-error.ts';
import type { PermissionDenial } from '../nats/permission-denials.ts';
import { describeDrift, type Drift } from '../streams/stream-config.ts';
import type { ConsumerStatus } from '../writer/consumer.ts';
import type { StreamSize } from './lag-probe.ts';
import { STALLED_SECONDS } from './stall.ts';

export interface ServiceStatus extends ConsumerStatus {
  readonly version: string;
  /** Of this process, also in `$SRV.*`. */
  readonly id: string;
  /** RFC 3339, UTC; so are the other times. */
  readonly started: string;
  readonly connected: boolean;
  /** Since when each attempt to connect is refused for the identity; null: it is not. */
  readonly identityRefusedSince: string | null;
  /** NATS connections that were made again, since the start. */
  readonly reconnects: number;
  /** Age of the oldest event that is in no chain; 0 when there is none. */
  readonly lagSeconds: number;
  /** How long nothing has been chained although events wait; 0 when none does. */
  readonly stalledSeconds: number;
  readonly lastCommitAt: string | null;
  /** How far `latestReceived` is ahead of this process's clock; 0 when it is not. */
  readonly clockAheadSeconds: number;
  /** What of the streams is not as wanted, as of `driftCheckedAt`. */
  readonly drift: readonly Drift[];
  readonly driftCheckedAt: string | null;
  /** What the NATS identity may not do, and the service tried lately. */
  readonly refused: readonly PermissionDenial[];
  readonly streams: readonly StreamSize[];
}

/** How far a moment of a chain is ahead of the clock. The smallest differences are those of two machines' clocks. */
export function secondsAhead(received: string | null, now: number): number {
  return received === null ? 0 : Math.max(0, Date.parse(received) - now) / 1000;
}

/** Why the service is not ready; empty when it is. AUDIT's drift is no reason: chaining goes on, and has to. */
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
  for (const refusal of status.refused) if (!refusal.optional) why.push(describeDenial(refusal));
  for (const one of status.drift) if (one.field === 'stream') why.push(describeDrift(one));
  return why;
}
