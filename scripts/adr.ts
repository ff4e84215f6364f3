/**
 * Decisions in docs/adr: their form, and the index that is made of them. After a new one:
 *
 *     node_modules/.bin/node scripts/adr.ts
 *
 * writes docs/adr/README.md. `adr.test.ts` compares.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(import.meta.dirname, '../docs/adr');
const INDEX = join(FOLDER, 'README.md');

const FORM = new RegExp(
  [
    String.raw`^# (?<number>\d+)\. (?<title>.+)\n`,
    String.raw`\n(?<status>(?:Accepted|Superseded)[^.]*)\. Code: (?<code>\[[^]*?)\.\n`,
    String.raw`\n\*\*Context\.\*\* (?<context>[^]+)\n`,
    String.raw`\n\*\*Decision\.\*\* (?<decision>[^]+)\n`,
    String.raw`\n\*\*Consequence\.\*\*(?<consequence>[^]+)$`,
  ].join(''),
);

export interface Decision {
  readonly file: string;
  readonly number: number;
  readonly title: string;
  readonly status: string;
  /** The first sentence of the decision, on one line. */
  readonly decision: string;
}

/** @throws Error naming the file that has another form */
export function parseDecision(file: string, text: string): Decision {
  const found = FORM.exec(text)?.groups;
  if (!found) throw new Error(`${file} has not the form of a decision: see docs/adr/README.md`);
  // A colon within code, as in `discard: new`, ends no sentence.
  const [sentence = ''] = /^(?:`[^`]*`|[^`])*?[.:](?=\s|$)/.exec(found['decision'] ?? '') ?? [];
  return {
    file,
    number: Number(found['number']),
    title: found['title'] ?? '',
    status: (found['status'] ?? '').replaceAll(/\s+/g, ' '),
    decision: sentence.replaceAll(/\s+/g, ' ').replace(/:$/, '.'),
  };
}

/** In their order. */
export function readDecisions(): Decision[] {
  return readdirSync(FOLDER)
    .filter((file) => /^\d{4}-.*\.md$/.test(file))
    .toSorted()
    .map((file) => parseDecision(file, readFileSync(join(FOLDER, file), 'utf8')));
}

export function readIndex(): string {
  return readFileSync(INDEX, 'utf8');
}

export function formatIndex(decisions: readonly Decision[]): string {
  const items = decisions.map(({ file, number, title, decision, status }) => {
    const note = status === 'Accepted' ? '' : ` (${status})`;
    return wrapItem(`[${number}](${file}) **${title}.** ${decision}${note}`);
  });
  return `${HEAD}${items.join('\n')}\n`;
}

/** A list's item, in lines of at most 120 characters. */
function wrapItem(text: string): string {
  const lines = ['-'];
  for (const word of text.split(' ')) {
    const line = `${lines.at(-1)} ${word}`;
    if (line.length <= 120) lines[lines.length - 1] = line;
    else lines.push(`  ${word}`);
  }
  return lines.join('\n');
}

const HEAD = `# Decisions

Each page has one decision: its context, the decision, what follows from it, and the figures that were measured. It
names the file that carries the decision. A page is not rewritten when we change our mind: a new page supersedes it. The
old page's status then names the new one: \`Superseded by N\`.

\`node scripts/adr.ts\` writes this list from the pages.

<!-- generated: from the pages of this folder -->
`;

if (import.meta.main) writeFileSync(INDEX, formatIndex(readDecisions()));
