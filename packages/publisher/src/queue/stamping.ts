import { Buffer } from 'node:buffer';
import { formatEventSubject } from '@waybill/schema';
import { createTextStamp, type DataCheck } from '@waybill/schema/internal';
import { createNameCheck } from '../event/field-names.ts';
import { createIsoTime } from '../event/iso-time.ts';
import { type StampFault, stampFault } from '../event/stamp-fault.ts';
import type { createUuidV7 } from '../event/uuid.ts';
import type { Settings } from '../options.ts';
import type { PendingEvent } from '../pending-event.ts';
import type { Reporter } from '../reporter.ts';
import type { AccountBook } from './accounts.ts';
import { memoryOf } from './memory-bounds.ts';
import type { Signing } from './signing.ts';

export interface StampingOptions {
  readonly settings: Pick<Settings, 'source' | 'subjectPrefix'>;
  readonly checkData: DataCheck;
  readonly newId: ReturnType<typeof createUuidV7>;
  readonly signing: Signing;
  readonly book: AccountBook;
  readonly reporter: Reporter;
}

export interface Stamping {
  /** Gives an accepted event its id, subject and text. @returns null, or why it is no valid event */
  stamp(event: PendingEvent): StampFault | null;
  /** Signs a stamped event, if there is a key by now and the event has room for a signature. */
  sign(event: PendingEvent): void;
}

export function createStamping(options: StampingOptions): Stamping {
  const { checkData, newId, signing, book, reporter } = options;
  const { source, subjectPrefix } = options.settings;
  const isoTime = createIsoTime();
  const textOf = createTextStamp(checkData);
  const checkNames = createNameCheck(checkData.rulesOf, reporter.misspelt);

  function measure(event: PendingEvent): void {
    event.bytes = Buffer.byteLength(event.text);
    book.resize(event, memoryOf(event.text, event.bytes));
  }

  return {
    stamp(event) {
      const { type, orgid, producer } = event;
      const fields = event.fields ?? {};
      const id = newId(event.timeMs);
      const producerseq = String(event.producerseq);
      const receipt = signing.stamp();
      event.id = id;
      // Before the event may turn out not to be valid: a misspelt name may be the reason.
      checkNames(type, fields);
      try {
        const time = isoTime(event.timeMs);
        const plain = { id, source, time, producer, producerseq };
        // Most services have no signer, and spreading costs time.
        event.text = textOf(type, fields, receipt.sign ? { ...plain, ...receipt } : plain);
        event.subject = formatEventSubject({ type, orgid }, subjectPrefix);
      } catch (cause) {
        return stampFault(cause);
      }
      event.unsigned = receipt.sign ? null : 'no_key';
      event.fields = null;
      event.state = 'stamped';
      measure(event);
      return null;
    },
    sign(event) {
      signing.sign(event);
      measure(event);
    },
  };
}
