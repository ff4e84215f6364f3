/** What `prose.test.ts` asks of a page or a source: its long lines, anchors, links and citations. */

const MAX_COLUMNS = 120;

/**
 * The only blocks that may have longer lines: examples of stored lines in docs/reference/format.md, which tests compare
 * byte for byte.
 */
const DATA_BLOCKS: readonly string[] = ['ndjson acme', 'ndjson _system', 'json receipt', 'json trailer', 'json bill'];

interface Line {
  readonly number: number;
  readonly text: string;
  /** The info string of the fenced block that the line is in; null outside of all. A fence itself is outside. */
  readonly block: string | null;
}

function linesOf(page: string): Line[] {
  let fence = '';
  let block: string | null = null;
  return page.split('\n').map((text, i) => {
    const [, marks = '', info = ''] = /^ *(`{3,}|~{3,})(.*)$/.exec(text) ?? [];
    const opens = block === null && marks !== '';
    const closes = block !== null && marks === fence && info.trim() === '';
    if (opens) fence = marks;
    const line = { number: i + 1, text, block: opens || closes ? null : block };
    if (opens) block = info.trim();
    if (closes) block = null;
    return line;
  });
}

export function longLines(page: string): number[] {
  return (
    linesOf(page)
      // Characters, and not UTF-16 units.
      .filter(({ text }) => Array.from(text).length > MAX_COLUMNS)
      .filter(({ block }) => block === null || !DATA_BLOCKS.includes(block))
      .map(({ number }) => number)
  );
}

/** As GitHub names headings, and `<a id="…">`. */
export function anchorsOf(page: string): Set<string> {
  const anchors = new Set<string>();
  for (const { text, block } of linesOf(page)) {
    if (block !== null) continue;
    const [, heading] = /^#{1,6} +(.*)$/.exec(text) ?? [];
    if (heading !== undefined) {
      const slug = heading
        .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .trim()
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
        .replaceAll(' ', '-');
      let name = slug;
      for (let n = 1; anchors.has(name); n++) name = `${slug}-${n}`;
      anchors.add(name);
    }
    for (const [, id = ''] of text.matchAll(/<a (?:id|name)="([^"]+)">/g)) anchors.add(id);
  }
  return anchors;
}

export interface Link {
  /** Relative to the page; empty: the page itself. */
  readonly target: string;
  readonly anchor: string;
}

/** Links within the repository. */
export function linksOf(page: string): Link[] {
  const prose = linesOf(page)
    .filter(({ block }) => block === null)
    .map(({ text }) => text.replaceAll(/`[^`]*`/g, '`'))
    .join('\n');
  const found = [...prose.matchAll(/\]\(([^()\s]+)\)/g), ...prose.matchAll(/^\[[^\]]+\]: +(\S+)/gm)];
  return found
    .map(([, link = '']) => link)
    .filter((link) => !/^[a-z]+:/i.test(link))
    .map((link) => {
      const [target = '', anchor = ''] = link.split('#');
      return { target, anchor };
    });
}

/** In comments and in messages. */
export function pagesNamedIn(source: string): string[] {
  return [...source.matchAll(/\bdocs\/[\w/-]+\.(?:md|py)\b/g)].map(([page]) => page);
}

/** Documents that are not in the repository, by their names, and issues by their numbers. */
const FOREIGN = /\b(?:FACTS\b|DESIGN\b|STYLE\.md|READERS\.md|[Ii]ssue #?\d|the (?:first |old )?design\b(?! of))/;

/** Where prose, or a comment of a source, cites what a reader of the repository cannot open. */
export function foreignCitations(file: string, content: string): string[] {
  return content
    .split('\n')
    .map((text, i) => ({ text: text.trim(), place: `${file}:${i + 1}` }))
    .filter(({ text }) => FOREIGN.test(file.endsWith('.md') ? text : commentIn(text)))
    .map(({ text, place }) => `${place}: ${text}`);
}

function commentIn(line: string): string {
  if (/^(?:\/?\*|\/\/|#)/.test(line)) return line;
  return / \/\/ (.*)$/.exec(line)?.[1] ?? / \/\*\*? (.*)$/.exec(line)?.[1] ?? '';
}
