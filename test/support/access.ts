/** A stream of tokens of its own, and what checks them, over a real server. */
import { type AccessConfig, type AccessHandle, createAccess, createToken, deployAccess } from '@waybill/consumer';
import type { NewToken, TokenStreamOptions } from '@waybill/consumer';
import type { NatsConnection } from '@nats-io/transport-node';
import type { TestNats } from './nats.ts';
import { uniqueName } from './unique-name.ts';

export interface TestAccess {
  readonly nc: NatsConnection;
  readonly at: TokenStreamOptions;
  readonly config: Omit<AccessConfig, 'nats'>;
  /** What was logged, as text. */
  readonly log: string[];
  /** From now on the clock of what checks tokens stands still. */
  stopClock(): void;
  /** Puts that clock forward. */
  later(ms: number): void;
  make(request?: Partial<NewToken>): Promise<{ token: string; id: string }>;
  check(config?: Partial<AccessConfig>, open?: boolean): AccessHandle;
}

export const ADDRESS = '192.0.2.7';

export async function prepareAccess(server: TestNats): Promise<TestAccess> {
  const nc = await server.connect();
  const tag = uniqueName();
  const at = { nc, stream: `ACCESS_${tag}`, prefix: `access_${tag}` };
  await deployAccess(nc, { stream: at.stream, prefix: at.prefix, replicas: 1 });
  const config = {
    stream: at.stream,
    prefix: at.prefix,
    requestsPerMinute: 0,
    failuresPerMinute: 0,
    operatorOrg: null,
    jwt: null,
  };
  const log: string[] = [];
  const write = (fields: object, message: string): void => void log.push(`${message} ${JSON.stringify(fields)}`);
  const logger = { debug: write, info: write, warn: write, error: write };
  let ahead = 0;
  let stoppedAt: number | null = null;
  return {
    nc,
    at,
    config,
    log,
    stopClock() {
      stoppedAt = performance.now();
    },
    later: (ms) => void (ahead += ms),
    async make(request = {}) {
      const { token, record } = await createToken(at, {
        name: 'test',
        scopes: ['usage:read'],
        organizations: ['acme'],
        by: 'tester',
        ...request,
      });
      return { token, id: record.id };
    },
    check: (own = {}, open = false) =>
      createAccess({
        config: { ...config, ...own },
        open,
        tokens: nc,
        nc,
        auditPrefix: `audit_${tag}`,
        logger,
        clock: () => (stoppedAt ?? performance.now()) + ahead,
      }),
  };
}
