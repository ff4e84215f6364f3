import { printable } from '@waybill/schema/internal';

/** The part of a logger that is used here. Loggers of pino fit, and so does `console`. */
export interface PublisherLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export const CONSOLE_LOGGER: PublisherLogger = {
  info: () => {},
  warn: (fields, message) => console.warn(printable(`waybill: ${message}`), fields),
};
