import type { ConsumerLogger } from '../logger.ts';
import type { FromThread } from './run-reader-thread.ts';

/**
 * Logs through another thread. Not everything can be sent there, and of an error its code gets lost on the way: errors
 * are sent as the service writes them down. Logging never throws.
 */
export function createThreadLogger(post: (message: FromThread) => void): ConsumerLogger {
  const at =
    (level: keyof ConsumerLogger) =>
    (fields: object, message: string): void => {
      const sent = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, plain(value)]));
      try {
        post({ kind: 'log', level, fields: sent, message });
      } catch {
        post({ kind: 'log', level, fields: { unsent: Object.keys(fields) }, message });
      }
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** Errors behind an error, at most. */
const MAX_CAUSES = 8;

function plain(value: unknown, depth = 0): unknown {
  if (!(value instanceof Error)) return value;
  const { name, message, stack, cause } = value;
  const code = (value as { readonly code?: unknown }).code;
  const isCode = typeof code === 'string' || typeof code === 'number';
  return {
    type: name,
    message,
    stack,
    ...(isCode && { code }),
    ...(cause instanceof Error && depth < MAX_CAUSES && { cause: plain(cause, depth + 1) }),
  };
}
