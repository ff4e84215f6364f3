import { DEFAULT_CONTROL_PREFIX, DEFAULT_EVENT_PREFIX, DEFAULT_LEDGER_PREFIX } from '@waybill/schema/internal';
import type { KnownOptions } from './check-options.ts';

/** The streams and subjects of one Waybill installation. Every query and the writer need them. */
export interface Settings {
  /** Name of the stream of events, AUDIT. */
  readonly auditStream: string;
  /** Name of the stream of blocks, LEDGER. */
  readonly ledgerStream: string;
  /** Events are on `<auditPrefix>.<target>.<action>.<orgid>`. */
  readonly auditPrefix: string;
  /** An organization's blocks are on `<ledgerPrefix>.<orgid>`. */
  readonly ledgerPrefix: string;
  /** An operator's acknowledgements are on `<controlPrefix>.acknowledge.<orgid>`, in AUDIT. */
  readonly controlPrefix: string;
}

/** For functions that take these as options, together with options of their own. */
export const SETTINGS: KnownOptions<Settings> = {
  auditStream: true,
  ledgerStream: true,
  auditPrefix: true,
  ledgerPrefix: true,
  controlPrefix: true,
};

export const DEFAULT_SETTINGS = {
  auditStream: 'AUDIT',
  ledgerStream: 'LEDGER',
  auditPrefix: DEFAULT_EVENT_PREFIX,
  ledgerPrefix: DEFAULT_LEDGER_PREFIX,
  controlPrefix: DEFAULT_CONTROL_PREFIX,
} satisfies Settings;
