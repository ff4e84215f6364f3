/** How a publisher uses its signer: fail-open where nobody waits, fail-closed where somebody does. */
import { canonicalJson, type JsonObject, MAX_EVENT_BYTES, parseJson, type Stamp } from '@waybill/schema';
import { outside } from '../context.ts';
import { checkWait, startTimer, type Timer } from '../duration.ts';
import { PublisherError } from '../error.ts';
import { DEFAULT_WAIT_MS, type PublisherCore, type WaitOptions } from '../handle.ts';
import type { EventInput } from '../event/intake.ts';
import type { PendingEvent } from '../pending-event.ts';
import type { PublisherLogger } from '../reporter.ts';
import type { Signer, SigningIdentity } from '../signing/signer.ts';

export interface Signing {
  /** Whether to wait with stamping; `resume` is called, once, when that is over. */
  hold(resume: () => void): boolean;
  /** What makes the next event a receipt; nothing while there is no identity. */
  stamp(): Pick<Stamp, 'keyid' | 'sign'>;
  /** Makes a receipt of an event that was stamped without a signature, if there is an identity by now and it fits. */
  sign(event: PendingEvent): void;
  /** An event is stored. */
  stored(event: PendingEvent): void;
  /** null: without a signer. */
  unsigned(): UnsignedCounts | null;
}

/** Events that were stored without a signature, although there is a signer. */
export interface UnsignedCounts {
  /** There was no key when they were sent. */
  readonly no_key: number;
  /** With a signature they would be over 64 KiB. */
  readonly too_large: number;
  /** A dead publisher left them so: nobody signs what another has seen. */
  readonly adopted: number;
}

const UNSIGNED = {};

export function createSigning(signer: Signer | undefined, logger: PublisherLogger): Signing {
  let waiting = false;
  /** What the log was last told. */
  let signs: boolean | null = null;
  let signed: Pick<Stamp, 'keyid' | 'sign'> = UNSIGNED;
  const counts: Record<keyof UnsignedCounts, number> = { no_key: 0, too_large: 0, adopted: 0 };

  function observe(identity: SigningIdentity | null): void {
    if (signs === (identity !== null)) return;
    signs = identity !== null;
    try {
      outside(() => {
        if (identity) logger.info({ keyid: identity.keyid }, 'events are signed');
        else logger.warn({}, 'there is no signing key: events are published unsigned');
      });
    } catch {
      // A logger that fails has no better place to be told of.
    }
  }

  return {
    hold(resume) {
      const firstTry = signer?.firstTry;
      if (!firstTry) return false;
      if (!waiting) {
        waiting = true;
        firstTry.then(resume, resume);
      }
      return true;
    },
    stamp() {
      if (!signer || signed !== UNSIGNED) return signed;
      const identity = signer.peek();
      if (identity) {
        observe(identity);
        signed = { keyid: identity.keyid, sign: identity.sign };
      }
      return signed;
    },
    sign(event) {
      const identity = signer?.peek() ?? null;
      observe(identity);
      if (!identity) return;
      const text = withSignature(event.text, identity);
      event.unsigned = text === null ? 'too_large' : null;
      event.text = text ?? event.text;
    },
    stored({ unsigned }) {
      if (signer && unsigned !== null) counts[unsigned]++;
    },
    unsigned: () => (signer ? { ...counts } : null),
  };
}

/** The receipt of an event's text; null: it would be too large. */
export function withSignature(text: string, { keyid, sign }: SigningIdentity): string | null {
  const event: JsonObject = { ...(parseJson(text) as JsonObject), keyid };
  const receipt = canonicalJson({ ...event, signature: sign(canonicalJson(event)) });
  return Buffer.byteLength(receipt) > MAX_EVENT_BYTES ? null : receipt;
}

/** With a signer, `confirm` emits nothing unless it will be signed: an identity that was had once is kept. */
export function confirmSigned(publisher: PublisherCore, signer: Signer | undefined): PublisherCore {
  if (!signer) return publisher;
  const { confirm } = publisher;
  return Object.assign(publisher, {
    async confirm(event: EventInput, options: WaitOptions = {}) {
      const { timeoutMs = DEFAULT_WAIT_MS } = options;
      checkWait('confirm: timeoutMs', timeoutMs);
      const startMs = performance.now();
      await within(signer.identity(), timeoutMs);
      return confirm(event, { ...options, timeoutMs: Math.max(1, timeoutMs - (performance.now() - startMs)) });
    },
  });
}

async function within(identity: Promise<SigningIdentity>, timeoutMs: number): Promise<void> {
  let timer: Timer | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    const error = new PublisherError('UNSIGNED', `no signing identity within ${timeoutMs} ms`);
    timer = startTimer(timeoutMs, () => reject(error));
  });
  try {
    await Promise.race([identity, tooLate]);
  } finally {
    timer?.stop();
  }
}
