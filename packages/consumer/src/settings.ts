import { DEFAULT_EVENT_PREFIX, DEFAULT_LEDGER_PREFIX, type KnownOptions } from '@waybill/schema';

/** Where things are on the server: what every query and the writer need to know. */
export interface Settings {
  /** Name of the stream of events. */
  readonly auditStream: string;
  /** Name of the stream of blocks. */
  readonly ledgerStream: string;
  /** Events are on `<auditPrefix>.<target>.<action>.<orgid>`. */
  readonly auditPrefix: string;
  /** An organization's blocks are on `<ledgerPrefix>.<orgid>`. */
  readonly ledgerPrefix: string;
}

/** For whatever takes these as options, and some of its own. */
export const SETTINGS: KnownOptions<Settings> = {
  auditStream: true,
  ledgerStream: true,
  auditPrefix: true,
  ledgerPrefix: true,
};

export const DEFAULT_SETTINGS = {
  auditStream: 'AUDIT',
  ledgerStream: 'LEDGER',
  auditPrefix: DEFAULT_EVENT_PREFIX,
  ledgerPrefix: DEFAULT_LEDGER_PREFIX,
} satisfies Settings;
