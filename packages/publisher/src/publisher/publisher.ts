/** Wires everything; read first. emit → intake → staging (stamp, spool) → delivery (window) → acknowledged or dropped. */
import { Buffer } from 'node:buffer';
import { createDataCheck, createTextStamp, formatEventSubject, SchemaError } from '@waybill/schema';
import type { Ack } from '../ack.ts';
import { createClock } from '../clock.ts';
import { createCurrentConnection } from '../connection/current-connection.ts';
import { outside } from '../context.ts';
import { createDelivery } from '../delivery/delivery.ts';
import type { Drop } from '../drop.ts';
import { checkWait } from '../duration.ts';
import { dropError, PublisherError } from '../error.ts';
import type { EventInput } from '../event-input.ts';
import { createNameCheck } from '../event/field-names.ts';
import { createIntake } from '../event/intake.ts';
import { createIsoTime } from '../event/iso-time.ts';
import { createNumbering } from '../event/numbering.ts';
import { createUuidV7 } from '../event/uuid.ts';
import { DEFAULT_WAIT_MS, type Publisher, type PublisherStatus } from '../handle.ts';
import { CONSOLE_LOGGER } from '../logger.ts';
import type { PublisherOptions, Settings } from '../options.ts';
import { estimatedMemory, memoryOf, type PendingEvent, type Waiter } from '../pending-event.ts';
import { closeResult, createAccountBook } from '../queue/accounts.ts';
import { createAdoption } from '../queue/adoption.ts';
import { createBacklog } from '../queue/backlog.ts';
import { createSigning } from '../queue/signing.ts';
import { createStaging } from '../queue/staging.ts';
import { createReporter } from '../reporter.ts';
import { createSpool } from '../spool/spool.ts';
import type { CloseResult } from '../stats.ts';
import { confirmOf, confirmSigned } from './confirm.ts';
import { createDiagnostics } from './diagnostics.ts';
import { createDisabledPublisher } from './disabled.ts';
import { onExit } from './exit-hook.ts';
import { isEnabled, readOptions } from './read-options.ts';
import { onSignal } from './signal-hook.ts';
import { createStallWatch, STALL_MS } from './stall-watch.ts';

/** The longest that one turn of stamping and sending keeps the event loop. */
const SLICE_MS = 2;
/** What `stampEvent` adds to an event's fields, about. */
const ENVELOPE_BYTES = 320;

/**
 * Starts a publisher. Connecting happens in the background; never being connected is a normal state.
 *
 * A publisher that opens its own connection keeps the process alive until `close()`, as every NATS client does.
 *
 * @throws PublisherError INVALID_OPTIONS
 */
export function createPublisher(options: PublisherOptions): Publisher {
  const settings = readOptions(options);
  const reporter = createReporter(settings.logger ?? CONSOLE_LOGGER, settings.onDrop);
  if (!isEnabled(settings)) return createDisabledPublisher(reporter);
  const publisher = outside(() => createEnabledPublisher(settings, reporter));
  return confirmSigned(publisher, settings.signer);
}

function createEnabledPublisher(settings: Settings, reporter: ReturnType<typeof createReporter>): Publisher {
  const { source } = settings;
  const now = settings.clock ? createClock(settings.clock) : Date.now;
  const newId = createUuidV7();
  const isoTime = createIsoTime();
  const checkData = createDataCheck(settings.events);
  const textOf = createTextStamp(checkData);
  const checkNames = createNameCheck(checkData.rulesOf, reporter.misspelt);
  const bootId = settings.producer ?? newId(now());
  const numbering = createNumbering(bootId);
  const intake = createIntake({
    definitions: settings.events,
    allowTypes: settings.allowTypes,
    rulesOf: checkData.rulesOf,
    isNumbered: numbering.has,
  });
  const signing = createSigning(settings.signer, settings.logger ?? CONSOLE_LOGGER);
  const diagnostics = createDiagnostics(bootId);
  const critical: ReadonlySet<string> = new Set(settings.criticalTypes);
  const book = createAccountBook();
  const backlog = createBacklog({ maxEvents: settings.maxQueueEvents, maxBytes: settings.maxQueueBytes });
  const delivery = createDelivery({
    ...settings,
    maxParked: Math.ceil(settings.maxQueueEvents / 2),
    maxParkedBytes: Math.ceil(settings.maxQueueBytes / 2),
    backoff: { minMs: settings.backoffMinMs, maxMs: settings.backoffMaxMs },
    acked: settleAcked,
    dropped: (event, reason, detail) => settleDropped(event, { reason, detail }),
    wake,
  });
  const { spoolDir } = settings;
  const spool = spoolDir
    ? createSpool({
        dir: spoolDir,
        bootId,
        maxBytes: settings.maxSpoolBytes,
        segmentBytes: settings.spoolSegmentBytes,
        retryMs: settings.spoolRetryMs,
        strangers: (paths) => reporter.strangers(spoolDir, paths),
        notAdopted: (home, error) => reporter.spoolFailed(`taking over ${home}`, error),
        lookAgain: () => staging.lookAgain(),
      })
    : null;
  const adoption =
    spool &&
    createAdoption({
      maxInMemory: Math.min(settings.windowEvents, settings.maxQueueEvents),
      parked: () => delivery.parkedAdopted,
      setAside(path) {
        reporter.putAside(path);
        spool.setAside(path);
      },
      failed: (what, error) => reporter.spoolFailed(what, error),
    });
  const staging = createStaging({
    backlog,
    delivery,
    spool,
    adoption,
    durability: settings.durability,
    // Below the share at which memory spills, or a small queue that is connected and refused would drop and never spill.
    lowMark: Math.min(settings.windowEvents, Math.ceil(settings.maxQueueEvents / 2)),
    retryMs: settings.spoolRetryMs,
    connected: () => attachment.connected,
    holds: () => signing.hold(wake),
    sign: settings.signer ? sign : null,
    stamp,
    movedOut: book.spool,
    movedIn: book.unspool,
    lost(events) {
      book.lose(events);
      const detail = `${events} records in ${settings.spoolDir} cannot be read back`;
      watch.settled();
      for (let i = 0; i < events; i++) tell({ reason: 'spool_damaged', detail });
    },
    wake,
  });
  const attachment = createCurrentConnection({
    settings,
    user: delivery,
    lost: observe,
    failed(reason) {
      reporter.degraded(reason);
      diagnostics.status(status());
    },
  });

  const watch = createStallWatch({ pending: () => backlog.events + (spool?.spooled ?? 0) > 0, stalled: observe });

  let scheduled = false;
  /** Numbers that were taken and will never come. */
  let holes = 0;
  let closing: Promise<CloseResult> | null = null;
  let closed = false;

  // --- in ---

  function take(input: EventInput, waiter: Waiter | null): void {
    const taken = intake.take(input);
    // Checked after foreign code has run, which may have called close().
    if (closing) return refuse({ reason: 'closed', detail: 'emitted after close()' }, waiter);
    if (!taken.ok) {
      const { drop } = taken;
      return refuse(
        drop.orgid === undefined ? drop : { ...drop, producerseq: String(numbering.take(drop.orgid)) },
        waiter,
      );
    }
    const { type, orgid, fields } = taken;
    const producerseq = numbering.take(orgid);
    const bytes = taken.bytes + ENVELOPE_BYTES;
    const memory = estimatedMemory(bytes, taken.wide);
    if (!makeRoom(type, memory)) {
      const detail = `${backlog.events} events and ${backlog.bytes} bytes of memory are pending`;
      return refuse({ reason: 'queue_full', detail, type, orgid, producerseq: String(producerseq) }, waiter);
    }
    const event: PendingEvent = {
      ordinal: backlog.nextOrdinal,
      type,
      orgid,
      producer: numbering.producer,
      producerseq,
      timeMs: now(),
      id: '',
      fields,
      text: '',
      subject: '',
      bytes,
      memory,
      unsigned: 'no_key',
      sent: false,
      tries: 0,
      waiter,
      segment: null,
      adopted: false,
    };
    book.accept();
    backlog.add(event);
    watch.started();
    if (spool !== null && settings.durability === 'sync') outside(() => staging.pushThrough(event));
    else staging.push(event);
    wake();
  }

  /** On disk what fits there, else by dropping an older event if that is what the service wants. */
  function makeRoom(type: string, bytes: number): boolean {
    const isCritical = critical.size > 0 && critical.has(type);
    const share = isCritical || critical.size === 0 ? 1 : 1 - settings.criticalShare;
    while (!backlog.hasRoom(bytes, share)) {
      if (outside(staging.makeRoom)) continue;
      if (settings.whenFull === 'drop-newest') return false;
      const keep = (event: PendingEvent): boolean => event.adopted || (critical.has(event.type) && !isCritical);
      const oldest = delivery.dropOldest(keep) ?? staging.dropOldest(keep);
      if (oldest === undefined) return false;
      settleDropped(oldest, { reason: 'queue_full', detail: 'a newer event took its place' });
    }
    return true;
  }

  function refuse(drop: Drop, waiter: Waiter | null): void {
    book.refuse(drop.reason);
    waiter?.reject(dropError(drop));
    tell(drop);
  }

  function tell(drop: Drop): void {
    if (drop.producerseq !== undefined || drop.reason === 'spool_damaged') holes++;
    diagnostics.dropped(drop);
    reporter.dropped(drop);
  }

  // --- the loop: slices of stamping and sending, with I/O in between ---

  function wake(): void {
    if (scheduled || closed) return;
    scheduled = true;
    outside(schedule);
  }

  function schedule(): void {
    setImmediate(turn);
  }

  function turn(): void {
    scheduled = false;
    const untilMs = performance.now() + SLICE_MS;
    // What is stamped goes out before more is stamped, so that the server works at the same time.
    const unsent = delivery.run(untilMs);
    const more = staging.run(untilMs) || unsent;
    observe();
    if (more) wake();
  }

  /** false: it was dropped. */
  function stamp(event: PendingEvent): boolean {
    const { type, orgid, producer } = event;
    const id = newId(event.timeMs);
    const producerseq = String(event.producerseq);
    const receipt = signing.stamp();
    event.id = id;
    // Before it is refused, which may be why.
    if (event.fields) checkNames(type, event.fields);
    try {
      const time = isoTime(event.timeMs);
      // Without a signer there is nothing to spread, and this is the hot path.
      const plain = { id, source, time, producer, producerseq };
      event.text = textOf(type, event.fields ?? {}, receipt.sign ? { ...plain, ...receipt } : plain);
      event.subject = formatEventSubject({ type, orgid }, settings.subjectPrefix);
    } catch (cause) {
      const detail = cause instanceof Error ? cause.message : String(cause);
      const reason = cause instanceof SchemaError && cause.code === 'TOO_LARGE' ? 'too_large' : 'invalid';
      settleDropped(event, { reason, detail, cause });
      return false;
    }
    event.unsigned = receipt.sign ? null : 'no_key';
    event.fields = null;
    measure(event);
    return true;
  }

  function sign(event: PendingEvent): void {
    signing.sign(event);
    measure(event);
  }

  function measure(event: PendingEvent): void {
    event.bytes = Buffer.byteLength(event.text);
    backlog.resize(event, memoryOf(event.text, event.bytes));
  }

  // --- out ---

  function settleAcked(event: PendingEvent, ack: Ack): void {
    diagnostics.acked(event, ack);
    signing.stored(event);
    if (event.adopted) return adoption?.acked(event);
    book.ack(ack.duplicate);
    watch.settled();
    backlog.remove(event);
    if (event.segment !== null) spool?.settle(event.segment);
    event.waiter?.resolve(ack);
  }

  function settleDropped(event: PendingEvent, why: Pick<Drop, 'reason' | 'detail' | 'cause'>): void {
    const { type, orgid, producerseq } = event;
    const drop: Drop = { ...why, type, orgid, producerseq: String(producerseq) };
    if (event.adopted) adoption?.dropped(event);
    else {
      book.drop(why.reason);
      watch.settled();
      backlog.remove(event);
      if (event.segment !== null) spool?.settle(event.segment);
    }
    event.waiter?.reject(dropError(drop));
    tell(drop);
  }

  // --- health ---

  /** Tells the log when the health changed. */
  function observe(): void {
    if (closing) return;
    const health = status();
    diagnostics.status(health);
    const { state, reason } = health;
    if (state === 'connected') reporter.connected();
    else if (state === 'degraded' || watch.isStalled) reporter.degraded(reason ?? '');
  }

  function status(): PublisherStatus {
    const missing = { ...(delivery.parked > 0 && { parked: delivery.parked }), ...(holes > 0 && { holes }) };
    if (closed) return { state: 'closed', ...missing };
    if (attachment.trouble) return { ...attachment.trouble, ...missing };
    const trouble = delivery.trouble ?? spool?.trouble ?? (watch.isStalled ? stallReason() : null);
    return trouble === null ? { state: 'connected', ...missing } : { state: 'degraded', reason: trouble, ...missing };
  }

  /** Connected, nothing has failed yet, and still nothing gets anywhere. */
  function stallReason(): string {
    if (settings.signer?.firstTry) return 'waiting for the signing key';
    return `no acknowledgement for ${STALL_MS / 1_000} s`;
  }

  async function shutDown(timeoutMs: number): Promise<CloseResult> {
    await backlog.whenSettled(timeoutMs);
    attachment.release();
    leave();
    const result = closeResult(book.read());
    stopListening();
    await attachment.close();
    return result;
  }

  /** To disk with what is still here, and to the accounts with what cannot go there. Synchronous: the process may be exiting. */
  function leave(): void {
    closed = true;
    watch.close();
    const closedError = new PublisherError('CLOSED', 'closed before the event was acknowledged; it is on disk');
    const lost = staging.leave(closedError);
    for (const event of lost) settleDropped(event, { reason: 'closed', detail: 'still pending when close() ended' });
    spool?.close();
    adoption?.close();
    diagnostics.status(status());
  }

  const offExit = spool && onExit(() => void (closed || leave()));
  const offSignal = settings.handleSignals
    ? onSignal({
        timeoutMs: settings.closeTimeoutMs,
        close: (options) => publisher.close(options),
        unref: attachment.unref,
      })
    : null;
  function stopListening(): void {
    offExit?.();
    offSignal?.();
  }

  const confirm = confirmOf({
    spool,
    reason: () => status().reason ?? 'no answer',
    start: take,
  });

  const publisher: Publisher = {
    emit: (event) => take(event, null),
    confirm,
    enabled: (type) => !closing && intake.allows(type),
    flush: async ({ timeoutMs = DEFAULT_WAIT_MS } = {}) =>
      backlog.whenSettled(checkWait('flush: timeoutMs', timeoutMs)),
    close: async ({ timeoutMs = settings.closeTimeoutMs } = {}) => {
      checkWait('close: timeoutMs', timeoutMs);
      return (closing ??= outside(() => shutDown(timeoutMs)));
    },
    status,
    bind(connection) {
      if (!closing) outside(() => attachment.bind(connection));
    },
    stats: () => ({
      ...book.read(),
      spool: spool &&
        adoption && {
          bytes: spool.bytes,
          segments: spool.segments,
          quarantined: spool.quarantined,
          adopted: adoption.stats(),
        },
      pendingBytes: backlog.bytes,
      inFlight: delivery.inFlight,
      parked: delivery.parked,
      holes,
      resent: delivery.resent,
      unsigned: signing.unsigned(),
    }),
    async [Symbol.asyncDispose]() {
      await publisher.close();
    },
  };

  attachment.start();
  // What a dead process left is delivered also when nothing new is emitted.
  if (spool) wake();
  return publisher;
}
