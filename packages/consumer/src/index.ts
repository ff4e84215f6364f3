import './check-node.ts';
export { type Config, Environment, type NatsSettings, readConfig } from './config.ts';
export { type ConnectOptions, OLDEST_SERVER, openConnection } from './connect.ts';
export {
  type Consumer,
  type ConsumerLogger,
  type ConsumerOptions,
  type ConsumerStatus,
  type Role,
  startConsumer,
} from './consumer.ts';
export { checkStreams, type DeployedStream, type DeployOptions, deployStreams } from './deploy.ts';
export { CONSUMER_ERROR_CODES, ConsumerError, type ConsumerErrorCode } from './errors.ts';
export { type ChainHead, readHead, readHeads } from './head.ts';
export { replay, type ReplayOptions } from './replay.ts';
export { serve, type ServeOptions } from './serve.ts';
export { createReceiptKeys } from './signature.ts';
export { DEFAULT_SETTINGS, type Settings } from './settings.ts';
export { createStreamHistory, type StreamConfigs, type StreamHistory } from './stream-record.ts';
export type { Drift, StreamDescription, StreamLimits } from './streams.ts';
export { type Boundary, type Usage, type UsageReport, type UsageWindow, usage, usageOfAll } from './usage.ts';
export type { AuditProblem, AuditScope } from './audit-report.ts';
export { type LedgerReport, verifyLedger, type VerifyLedgerOptions, type VerifyProgress } from './verify-ledger.ts';
export { verifyLines, type VerifyLinesOptions } from './verify-lines.ts';
