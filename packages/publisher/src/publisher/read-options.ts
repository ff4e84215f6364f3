/** Checks the options of `createPublisher`, once. Everything else trusts the settings that this file returns. */
import type { AnyEventDefinition } from '@waybill/schema';
import { isSource, splitServers, SUBJECT_PREFIX_PATTERN } from '@waybill/schema/internal';
import { badKind, checkKinds, checkLogger, checkOptions, kindOf } from '../check-options.ts';
import { checkIdentity } from '../connection/nats-identity.ts';
import { checkPeriod, checkWait } from '../duration.ts';
import { badOption as bad, type PublisherError } from '../error.ts';
import { allowedTypes } from '../event/intake.ts';
import { DEFAULTS, PUBLISHER_OPTIONS, type PublisherOptions, type Settings } from '../options.ts';
import type { Signer } from '../signing-identity.ts';

const NUMBERS = [
  'maxQueueEvents',
  'maxQueueBytes',
  'windowEvents',
  'maxSpoolBytes',
  'spoolSegmentBytes',
] as const satisfies readonly (keyof Settings)[];

const PERIODS = [
  'ackTimeoutMs',
  'backoffMinMs',
  'backoffMaxMs',
  'parkProbeMs',
  'spoolRetryMs',
] as const satisfies readonly (keyof Settings)[];

/** Options of the official client that it passes to a timer. */
const CLIENT_PERIODS = [
  'timeout',
  'pingInterval',
  'reconnectTimeWait',
  'reconnectJitter',
  'reconnectJitterTLS',
] as const;

/** @throws PublisherError INVALID_OPTIONS naming the option, its value and what is expected */
export function readOptions(options: PublisherOptions): Settings {
  checkOptions('createPublisher', options, PUBLISHER_OPTIONS);
  checkKinds('createPublisher', options, KINDS);
  checkLists(options);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const settings: Settings = { source: options.source, ...DEFAULTS, ...given };
  for (const name of NUMBERS) {
    if (!(Number.isFinite(settings[name]) && settings[name] > 0)) throw bad(name, settings[name], 'a positive number');
  }
  for (const name of PERIODS) checkPeriod(`createPublisher: ${name}`, settings[name]);
  checkWait('createPublisher: closeTimeoutMs', settings.closeTimeoutMs);
  for (const name of CLIENT_PERIODS) {
    const ms = settings.connect?.[name];
    // 0 switches the timer off.
    if (ms !== undefined && ms !== 0) checkPeriod(`createPublisher: connect.${name}`, ms);
  }
  if (!(settings.criticalShare >= 0 && settings.criticalShare < 1)) {
    throw bad('criticalShare', settings.criticalShare, 'a number from 0 to less than 1');
  }
  if (!['drop-newest', 'drop-oldest'].includes(settings.whenFull)) {
    throw bad('whenFull', settings.whenFull, 'drop-newest or drop-oldest');
  }
  if (!['memory', 'async', 'sync'].includes(settings.durability)) {
    throw bad('durability', settings.durability, 'memory, async or sync');
  }
  if (given['durability'] !== undefined && !settings.spoolDir) {
    throw bad('durability', settings.durability, 'a spoolDir with it');
  }
  if (!SUBJECT_PREFIX_PATTERN.test(settings.subjectPrefix)) {
    throw bad('subjectPrefix', settings.subjectPrefix, SUBJECT_PREFIX_PATTERN.source);
  }
  if (settings.inboxPrefix !== undefined && !SUBJECT_PREFIX_PATTERN.test(settings.inboxPrefix)) {
    throw bad('inboxPrefix', settings.inboxPrefix, SUBJECT_PREFIX_PATTERN.source);
  }
  if (settings.producer !== undefined && !/^[A-Za-z0-9_-]{1,48}$/.test(settings.producer)) {
    throw bad('producer', settings.producer, '[A-Za-z0-9_-]{1,48}');
  }
  checkShapes(settings);
  if (settings.connection !== undefined && splitServers(settings.servers).length > 0) {
    throw bad('connection', 'given', 'either servers or a connection, not both');
  }
  allowedTypes({ definitions: settings.events, allowTypes: settings.allowTypes });
  checkIdentity(settings);
  if (!isSource(settings.source)) {
    throw bad('source', settings.source, 'a URI-reference of the emitting service, such as //cas.example/artifact-cas');
  }
  return settings;
}

/** Options that take one kind of value. */
const KINDS = {
  subjectPrefix: 'string',
  inboxPrefix: 'string',
  spoolDir: 'string',
  producer: 'string',
  handleSignals: 'boolean',
  criticalShare: 'number',
  onDrop: 'function',
  clock: 'function',
  connect: 'object',
} as const satisfies Partial<Record<keyof PublisherOptions, string>>;

function checkLists({ allowTypes, servers, logger }: PublisherOptions): void {
  const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every((one) => typeof one === 'string');
  const wrong = (name: string, value: unknown, expected: string): PublisherError =>
    badKind('createPublisher', name, value, expected);
  if (allowTypes !== undefined && !isTexts(allowTypes)) {
    throw wrong('allowTypes', allowTypes, 'an array of types, such as run.failed');
  }
  if (servers !== undefined && typeof servers !== 'string' && !isTexts(servers)) {
    throw wrong('servers', servers, 'a string or an array of strings');
  }
  checkLogger('createPublisher', logger);
}

/** Options that would fail later, or only in an enabled publisher, with an error that does not name the option. */
function checkShapes({ connection, criticalTypes, events = [], signer }: Settings): void {
  const isDefinition = (one: unknown): boolean =>
    typeof (one as AnyEventDefinition | null)?.type === 'string' &&
    typeof (one as AnyEventDefinition).data?.safeParse === 'function';
  if (!Array.isArray(events) || !events.every(isDefinition)) {
    throw bad('events', kindOf(events), 'an array of what defineEvent returns');
  }
  if (!Array.isArray(criticalTypes) || criticalTypes.some((type) => typeof type !== 'string')) {
    throw bad('criticalTypes', kindOf(criticalTypes), 'an array of types, such as run.failed');
  }
  if (signer !== undefined && typeof (signer as Partial<Signer> | null)?.peek !== 'function') {
    throw bad('signer', kindOf(signer), 'what createSigner returns');
  }
  const isConnection = typeof connection === 'function' || (typeof connection === 'object' && connection !== null);
  if (connection !== undefined && connection !== 'later' && !isConnection) {
    throw bad('connection', kindOf(connection), "a NATS connection, a function that makes one, or 'later'");
  }
}

export function isEnabled(options: PublisherOptions): boolean {
  return options.connection !== undefined || splitServers(options.servers).length > 0;
}
