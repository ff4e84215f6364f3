import { printable } from '@waybill/schema';

/** As much of a logger as is used here; pino's and console's fit. */
export interface PublisherLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export const CONSOLE_LOGGER: PublisherLogger = {
  info: () => {},
  warn: (fields, message) => console.warn(printable(`waybill: ${message}`), fields),
};
