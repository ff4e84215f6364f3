import './check-node.ts';
export { type Config, readConfig } from './config/config.ts';
export { Environment } from './config/environment.ts';
export type { NatsConfig } from './config/nats-config.ts';
export { type ConnectOptions, openConnection } from './nats/connect.ts';
export { OLDEST_SERVER } from './nats/server-version.ts';
export type { ConsumerOptions } from './writer/consumer-options.ts';
export { type Consumer, type ConsumerStatus, type Role, startConsumer } from './writer/consumer.ts';
export { checkStreams, type DeployedStream, type DeployOptions, deployStreams } from './streams/deploy.ts';
export type { ConsumerLogger } from './logger.ts';
export { CONSUMER_ERROR_CODES, ConsumerError, type ConsumerErrorCode } from './errors.ts';
export { type ChainHead, readHead, readHeads } from './ledger/chain-head.ts';
export { replay, type ReplayOptions } from './export/replay.ts';
export { serve, type ServeOptions } from './service/serve.ts';
export { createReceiptKeys } from './verify/receipt-keys.ts';
export { DEFAULT_SETTINGS, type Settings } from './settings.ts';
export { createStreamHistory, type StreamConfigs, type StreamHistory } from './streams/stream-history.ts';
export type { Drift, StreamDescription, StreamLimits } from './streams/stream-config.ts';
export { type Boundary, type Usage, type UsageReport, type UsageWindow, usage, usageOfAll } from './usage/usage.ts';
export type { AuditProblem, AuditScope } from './verify/audit-report.ts';
export {
  type LedgerReport,
  verifyLedger,
  type VerifyLedgerOptions,
  type VerifyProgress,
} from './verify/verify-ledger.ts';
export { verifyLines, type VerifyLinesOptions } from './verify/verify-lines.ts';
