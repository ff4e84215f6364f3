/**
 * The same text in its own memory. Use it for a text that is kept longer than the text that it was cut from.
 *
 * V8 does not copy a part of 13 characters or more of a string. The part refers to the whole string and keeps it alive.
 * A digest of 71 characters would keep an event of 500.
 */
export function detached(text: string): string {
  return ` ${text}`.slice(1);
}
