/**
 * Characters that do something to a terminal, or to the order in which a line is read, instead of being seen: controls
 * (C0, DEL, C1), line and paragraph separators, marks and overrides of direction, and the byte order mark.
 */
const UNSEEN = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;

/**
 * A line as it may be shown to people, whatever is in it: text of events, of file names and of other programs' errors.
 * What cannot be seen is written as `\u{1b}`.
 */
export function printable(line: string): string {
  return line.toWellFormed().replaceAll(UNSEEN, (char) => `\\u{${char.charCodeAt(0).toString(16)}}`);
}

/** The same for JSON text, which means what it meant: of the escapes of JSON. White space between values stays. */
export function printableJson(json: string): string {
  return json.replaceAll(UNSEEN, (char) =>
    char === '\n' || char === '\r' || char === '\t' ? char : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
