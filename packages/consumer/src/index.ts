import './check-node.ts';
export { type Config, Environment, type NatsSettings, readConfig } from './config/config.ts';
export { type ConnectOptions, OLDEST_SERVER, openConnection } from './nats/connect.ts';
export {
  type Consumer,
  type ConsumerLogger,
  type ConsumerOptions,
  type ConsumerStatus,
  type Role,
  startConsumer,
} from './writer/consumer.ts';
export { checkStreams, type DeployedStream, type DeployOptions, deployStreams } from './streams/deploy.ts';
export { CONSUMER_ERROR_CODES, ConsumerError, type ConsumerErrorCode } from './errors.ts';
export { type ChainHead, readHead, readHeads } from './ledger/chain-head.ts';
export { replay, type ReplayOptions } from './export/replay.ts';
export { serve, type ServeOptions } from './service/serve.ts';
export { createReceiptKeys } from './verify/receipt-keys.ts';
export { DEFAULT_SETTINGS, type Settings } from './settings.ts';
export { createStreamHistory, type StreamConfigs, type StreamHistory } from './writer/stream-recorder.ts';
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
