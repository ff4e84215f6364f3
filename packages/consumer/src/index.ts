import './check-node.ts';
export { type Config, readConfig } from './config/config.ts';
export { type AccessHandle, type AccessOptions, createAccess } from './access/access.ts';
export { startAccess, type StartAccessOptions } from './access/start-access.ts';
export type { Access, Principal } from './access/principal.ts';
export type { TokenStreamOptions } from './access/token-lookup.ts';
export type { TokenRecord } from './access/token-record.ts';
export {
  createToken,
  listTokens,
  type MadeToken,
  type NewToken,
  type Revocation,
  revokeToken,
} from './access/token-store.ts';
export type { AccessConfig } from './config/access-config.ts';
export type { JwtConfig } from './config/jwt-config.ts';
export type { NatsConfig } from './config/nats-config.ts';
export { type ConnectOptions, openConnection } from './nats/connect.ts';
export type { ConsumerOptions } from './writer/consumer-options.ts';
export { type Consumer, type ConsumerStatus, type Role, startConsumer } from './writer/consumer.ts';
export { type AcknowledgedLoss, acknowledge, type AcknowledgeOptions } from './control/acknowledge.ts';
export type { Loss, PlannedLoss } from './control/loss-plan.ts';
export {
  checkStreams,
  deployAccess,
  type DeployedStream,
  type DeployOptions,
  deployStreams,
} from './streams/deploy.ts';
export type { ConsumerLogger } from './logger.ts';
export { CONSUMER_ERROR_CODES, ConsumerError, type ConsumerErrorCode, type ConsumerErrorOptions } from './errors.ts';
export { type ChainHead, readHead, readHeads } from './ledger/chain-head.ts';
export { type OpenProducersAnswer, type OpenProducersQuery, readOpenProducers } from './ledger/open-producers.ts';
export { replay, type ReplayOptions } from './export/replay.ts';
export { serve, type ServeOptions } from './service/serve.ts';
export { createReceiptKeys } from './verify/receipt-keys.ts';
export { type BillSignerOptions, createBillSigner, type PublicBillSigner } from './bill/bill-signer.ts';
export { type BillOptions, type BillsOptions, makeBill, makeBills } from './bill/make-bill.ts';
export { planPush, type PlannedValue, push, type PushReport, type PushState } from './push/push.ts';
export type { PushOptions, PushQuery } from './push/push-options.ts';
export type { PushValue } from './push/push-value.ts';
export type { EngineName } from './push/engine.ts';
export type { Meter, MeterNames } from './push/meters.ts';
export { DEFAULT_SETTINGS, type Settings } from './settings.ts';
export { createStreamHistory, type StreamConfigs, type StreamHistory } from './streams/stream-history.ts';
export type { AccessStream, Drift, StreamDescription, StreamLimits } from './streams/stream-config.ts';
export { usage, usageOfAll, type UsageOfAllQuery, type UsageReport } from './usage/usage.ts';
export type { AnswerFrame, Boundary, Tallies, Usage, UsageWindow } from './usage/usage-answer.ts';
export type { UsageNotice, UsageQuery } from './usage/usage-query.ts';
export type { Step } from './usage/calendar.ts';
export type { AuditProblem, AuditScope } from './verify/audit-report.ts';
export type { LedgerReport } from './verify/ledger-report.ts';
export { verifyLedger, type VerifyLedgerOptions, type VerifyProgress } from './verify/verify-ledger.ts';
export { verifyLines, type VerifyLinesOptions } from './verify/verify-lines.ts';
