export { type Consumer, type ConsumerLogger, type ConsumerOptions, type ConsumerStatus, type Role, startConsumer } from './consumer.ts';
export { CONSUMER_ERROR_CODES, ConsumerError, type ConsumerErrorCode } from './errors.ts';
export { DEFAULT_SETTINGS, type Settings } from './settings.ts';
