/** How a publisher uses its signer: fail-open where nobody waits, fail-closed where somebody does. */
import type { Stamp } from '@waybill/schema';
import { outside } from '../context.ts';
import type { PublisherLogger } from '../logger.ts';
import type { PendingEvent } from '../pending-event.ts';
import type { Signer, SigningIdentity } from '../signing-identity.ts';
import { withSignature } from '../signing/signature.ts';
import type { UnsignedCounts } from '../stats.ts';

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
