import { pino } from 'pino';

/** Says nothing. `WAYBILL_LOG_LEVEL=debug` shows what consumers and publishers log under a test. */
export const logger = pino({ level: process.env['WAYBILL_LOG_LEVEL'] ?? 'silent' });

/** A publisher's logger that keeps what it is told. */
export function memoryLogger() {
  const lines: { level: 'info' | 'warn'; fields: object; message: string }[] = [];
  return {
    lines,
    info: (fields: object, message: string) => void lines.push({ level: 'info', fields, message }),
    warn: (fields: object, message: string) => void lines.push({ level: 'warn', fields, message }),
  };
}
