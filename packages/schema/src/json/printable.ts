/**
 * Characters that a reader does not see, but that change a terminal or the order in which a line is read: controls (C0,
 * DEL, C1), line and paragraph separators, marks and overrides of direction, and the byte order mark.
 */
const UNSEEN = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;

/**
 * Makes a line safe to show, whatever it contains: text of events, file names, errors of other programs. Characters
 * that a reader does not see are written as `\u{1b}`.
 */
export function printable(line: string): string {
  return line.toWellFormed().replaceAll(UNSEEN, (char) => `\\u{${char.charCodeAt(0).toString(16)}}`);
}

/** The same for JSON text, with the escapes of JSON: the text keeps its meaning. White space between values stays. */
export function printableJson(json: string): string {
  return json.replaceAll(UNSEEN, (char) =>
    char === '\n' || char === '\r' || char === '\t' ? char : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
