/** How a publisher uses its signer: events go out unsigned when there is no key, and are counted. */
import type { Stamp } from '@waybill/schema/internal';
import { guarded } from '../foreign-code.ts';
import type { PublisherLogger } from '../logger.ts';
import type { PendingEvent } from '../pending-event.ts';
import type { Signer, SigningIdentity } from '../signing-identity.ts';
import { withSignature } from '../signing/signature.ts';
import type { UnsignedCounts } from '../stats.ts';

export interface Signing {
  /** Whether there is a signer at all. */
  readonly isOn: boolean;
  /**
   * Whether events should wait, because the first try for a key has not ended. `resume` is called, once, when it has.
   */
  waits(): boolean;
  /** What makes the next event a receipt; nothing while there is no key. */
  stamp(): Pick<Stamp, 'keyid' | 'sign'>;
  /** Signs an event that was stamped without a signature, if there is a key by now and a signature fits. */
  sign(event: PendingEvent): void;
  /** The event is stored. */
  stored(event: PendingEvent): void;
  /** null: without a signer. */
  unsigned(): UnsignedCounts | null;
}

export interface SigningOptions {
  readonly signer: Signer | undefined;
  readonly logger: PublisherLogger;
  /** The first try for a key has ended. */
  resume(): void;
}

const UNSIGNED = {};

export function createSigning({ signer, logger, resume }: SigningOptions): Signing {
  let isResuming = false;
  /** What the log was told last. */
  let toldSigned: boolean | null = null;
  let signed: Pick<Stamp, 'keyid' | 'sign'> = UNSIGNED;
  const counts: Record<keyof UnsignedCounts, number> = { no_key: 0, too_large: 0, adopted: 0 };

  function tell(identity: SigningIdentity | null): void {
    if (toldSigned === (identity !== null)) return;
    toldSigned = identity !== null;
    guarded(() => {
      if (identity) logger.info({ keyid: identity.keyid }, 'events are signed');
      else logger.warn({}, 'there is no signing key: events are published unsigned');
    });
  }

  return {
    isOn: signer !== undefined,
    waits() {
      const firstTry = signer?.firstTry;
      if (!firstTry) return false;
      if (!isResuming) firstTry.then(resume, resume);
      isResuming = true;
      return true;
    },
    stamp() {
      if (!signer || signed !== UNSIGNED) return signed;
      const identity = signer.peek();
      if (identity) {
        tell(identity);
        signed = { keyid: identity.keyid, sign: identity.sign };
      }
      return signed;
    },
    sign(event) {
      const identity = signer?.peek() ?? null;
      tell(identity);
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
