import { createDataCheck } from '@waybill/schema/internal';
import { createClock } from '../clock.ts';
import { Delivery } from '../delivery/delivery.ts';
import { createIntake, type Intake } from '../event/intake.ts';
import { createNumbering, type Numbering } from '../event/numbering.ts';
import { createUuidV7 } from '../event/uuid.ts';
import { CONSOLE_LOGGER } from '../logger.ts';
import type { Settings } from '../options.ts';
import type { Reporter } from '../reporter.ts';
import { createSpool, type Spool } from '../spool/spool.ts';
import { AccountBook, END_TYPE } from './accounts.ts';
import { Admission } from './admission.ts';
import { Adoption } from './adoption.ts';
import { createDiagnostics, type Diagnostics } from './diagnostics.ts';
import { DiskQueue } from './disk-queue.ts';
import { Ending } from './ending.ts';
import { MemoryBounds } from './memory-bounds.ts';
import { Settlement } from './settlement.ts';
import { createSigning, type Signing } from './signing.ts';
import { Staging } from './staging.ts';
import { createStamping } from './stamping.ts';

export interface QueueOptions {
  readonly settings: Settings;
  readonly reporter: Reporter;
  isConnected(): boolean;
  /** Call `run` soon. */
  wake(): void;
}

/** What a queue consists of. */
export interface Parts {
  readonly book: AccountBook;
  readonly intake: Intake;
  readonly numbering: Numbering;
  readonly admission: Admission;
  readonly staging: Staging;
  readonly signing: Signing;
  readonly delivery: Delivery;
  readonly settlement: Settlement;
  readonly ending: Ending;
  readonly diagnostics: Diagnostics;
  /** Both null: without a `spoolDir`. */
  readonly spool: Spool | null;
  readonly adoption: Adoption | null;
  /** The time of events. */
  readonly now: () => number;
}

/** Makes the parts of a queue and joins them. */
export function createParts(options: QueueOptions): Parts {
  const { settings, reporter, wake } = options;
  const newId = createUuidV7();
  const now = settings.clock ? createClock(settings.clock) : Date.now;
  const bootId = settings.producer ?? newId(now());
  const numbering = createNumbering(bootId);
  const checkData = createDataCheck(settings.events);
  const intake = createIntake({
    definitions: settings.events,
    allowTypes: settings.allowTypes,
    rulesOf: checkData.rulesOf,
    isNumbered: numbering.has,
  });

  const book = new AccountBook();
  const memory = new MemoryBounds(book, settings.maxQueueEvents, settings.maxQueueBytes);
  const diagnostics = createDiagnostics(bootId);
  const signing = createSigning({ signer: settings.signer, logger: settings.logger ?? CONSOLE_LOGGER, resume: wake });
  const stamping = createStamping({ settings, checkData, newId, signing, book, reporter });

  const spool = settings.spoolDir ? openSpool(options, bootId, () => adoption?.lookAgain()) : null;
  const adoption =
    spool &&
    new Adoption({
      spool,
      book,
      reporter,
      maxInMemory: Math.min(settings.windowEvents, settings.maxQueueEvents),
      parked: () => delivery.parkedAdopted,
    });
  const ending = new Ending({ settings, numbering, book, now });
  const settlement = new Settlement({ book, ending, signing, spool, adoption, diagnostics, reporter });
  const delivery = new Delivery({
    ...settings,
    maxParked: Math.ceil(settings.maxQueueEvents / 2),
    maxParkedBytes: Math.ceil(settings.maxQueueBytes / 2),
    backoff: { minMs: settings.backoffMinMs, maxMs: settings.backoffMaxMs },
    acked: (event, ack) => settlement.acked(event, ack),
    // Nobody would miss it enough to hold up the rest of its organization's events.
    mayWait: ({ type }) => type !== END_TYPE,
    dropped: (event, reason, detail) => settlement.dropped(event, { reason, detail }),
    wake,
  });
  const disk = spool && new DiskQueue({ spool, directory: settings.spoolDir ?? '', book, settlement });
  const staging = new Staging({ ...options, memory, signing, stamping, settlement, delivery, disk, adoption });
  const admission = new Admission({ settings, memory, staging, delivery, settlement });

  return {
    book,
    intake,
    numbering,
    admission,
    staging,
    signing,
    delivery,
    settlement,
    ending,
    diagnostics,
    spool,
    adoption,
    now,
  };
}

/** @param died other publishers may have died */
function openSpool({ settings, reporter, wake }: QueueOptions, bootId: string, died: () => void): Spool {
  const { spoolDir: dir = '' } = settings;
  return createSpool({
    dir,
    bootId,
    maxBytes: settings.maxSpoolBytes,
    segmentBytes: settings.spoolSegmentBytes,
    retryMs: settings.spoolRetryMs,
    strangers: (paths) => reporter.strangers(dir, paths),
    notAdopted: (home, error) => reporter.spoolFailed(`taking over ${home}`, error),
    lookAgain() {
      died();
      wake();
    },
  });
}
