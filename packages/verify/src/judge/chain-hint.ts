/**
 * What may have happened to a file that does not verify: how it was asked for, or what became of it on its way. It is a
 * note beside the verdict, which the format defines (docs/reference/format.md §11) and which does not depend on it.
 */
import {
  canonicalJson,
  type ChainReport,
  type Entry,
  isChainName,
  type JsonObject,
  sha256Hex,
} from '@waybill/schema/verify';
import type { CommandWords } from '../command-words.ts';
import type { WatchedLines } from '../input/watch-lines.ts';
import { COPY_AGAIN, encodingHint } from './encoding-hint.ts';

interface Asked {
  readonly orgid: string | undefined;
  readonly fromSeq: number;
  readonly words: CommandWords;
}

/** The line that does not verify, and what is around it. */
interface BadLine {
  readonly report: ChainReport;
  readonly asked: Asked;
  readonly bytes: Uint8Array;
  readonly text: string;
  /** What it says of itself, unverified. null: it is no entry. */
  readonly claim: Claim | null;
  /** It ends the file, and has no line feed. */
  readonly isUnfinished: boolean;
  /** The line after it, if it is the first. */
  readonly next: Claim | null;
}

interface Claim {
  readonly seq: number;
  readonly orgid: string;
}

/** @returns null when there is nothing to say */
export function chainHint(report: ChainReport, lines: WatchedLines, asked: Asked): string | null {
  if (report.verdict !== 'tampered' && report.verdict !== 'unreadable') return null;
  const index = report.entries;
  const bytes = lines.at(index);
  if (bytes === null) return null;
  const text = Buffer.from(bytes).toString('utf8');
  const after = index === 0 ? lines.at(1) : null;
  const line: BadLine = {
    report,
    asked,
    bytes,
    text,
    claim: readClaim(text),
    isUnfinished: lines.isUnfinished(index),
    next: after && readClaim(Buffer.from(after).toString('utf8')),
  };
  for (const hint of HINTS) {
    const said = hint(line);
    if (said !== null) return said;
  }
  return null;
}

/** The first that applies is right: those before it would make it look as if it did. */
const HINTS: readonly ((line: BadLine) => string | null)[] = [
  hintOfEncoding,
  hintOfLineEnds,
  hintOfLayout,
  hintOfJoints,
  hintOfCut,
  hintOfChoice,
  hintOfNeighbours,
  hintOfRewriting,
];

function hintOfEncoding({ report, bytes }: BadLine): string | null {
  return report.entries > 0 ? null : encodingHint(bytes, 'let `waybill replay` write it in another shell');
}

function hintOfLineEnds({ text }: BadLine): string | null {
  // Pictures have lines that end so, too.
  if (!text.endsWith('\r') || !text.startsWith('{')) return null;
  return `the lines end with CR LF, as on Windows: remove the CR (tr -d '\\r' < FILE), or ${COPY_AGAIN}, in binary mode`;
}

/** One value over several lines, or an array of values. */
function hintOfLayout({ report, text }: BadLine): string | null {
  if (report.entries > 0 || !/^\s*[[{]\s*$|^\s*\[/.test(text)) return null;
  return `this is JSON that another program has laid out anew: the file needs one entry a line, as \`waybill replay\` printed it`;
}

function hintOfJoints({ report, asked: { words }, text, claim }: BadLine): string | null {
  if (text === '' || /^\s+$/.test(text)) {
    return `there is an empty line after entry ${report.last?.seq ?? 0}: files were joined, or an editor added it; remove it, or give each file to ${words.takes}`;
  }
  if (claim === null && text.includes('"}{"core":'))
    return `two files were joined without a line feed between them: give each of them to ${words.takes}, which puts them in order`;
  return null;
}

/** The copy begins or ends within an entry. */
function hintOfCut({ report, claim, isUnfinished, text, next }: BadLine): string | null {
  if (claim !== null) return null;
  if (isUnfinished && text.startsWith('{"core":')) {
    const good = report.last === null ? 'nothing is before it' : `entries up to ${report.last.seq} are good`;
    return `the last line is unfinished: the copy ended early, and ${good}; ${COPY_AGAIN}`;
  }
  if (report.entries > 0 || next === null || !text.endsWith('"}')) return null;
  return (
    `this begins in the middle of an entry, and entry ${next.seq} comes next: give the part before it as well, ` +
    `or leave out the first line (tail -n +2 FILE) and say --from-seq ${next.seq}, which takes what is before it on trust`
  );
}

/** What was asked for is not what the file is. */
function hintOfChoice({ report, asked, claim }: BadLine): string | null {
  if (report.entries > 0 || claim === null) return null;
  if (asked.orgid !== undefined && asked.orgid !== claim.orgid)
    return `this is a chain of ${claim.orgid}, and --org is ${asked.orgid}`;
  if (claim.seq > asked.fromSeq) {
    return (
      `this begins with entry ${claim.seq}: give the older parts of the chain as well, ` +
      `or --from-seq ${claim.seq}, which takes what is before it on trust`
    );
  }
  if (claim.seq < asked.fromSeq)
    return `this begins with entry ${claim.seq}: --from-seq says where a file begins, and nothing in it is skipped`;
  return null;
}

/** Two files, or two parts of one, that do not follow each other. */
function hintOfNeighbours({ report: { last, orgid }, asked: { words }, text, claim }: BadLine): string | null {
  // Of a line whose number was changed, nothing is said.
  if (last === null || claim === null || canonicalLine(text) === null) return null;
  if (claim.orgid !== orgid)
    return `after entry ${last.seq} of ${orgid} comes one of ${claim.orgid}: files of two chains were joined; verify each alone`;
  if (claim.seq <= last.seq)
    return `after entry ${last.seq} comes entry ${claim.seq}: files were joined that have the same entries, or in another order; give each to ${words.takes} alone, or export the chain again`;
  if (claim.seq > last.seq + 1) {
    const lacking =
      claim.seq === last.seq + 2 ? `entry ${last.seq + 1} is` : `entries ${last.seq + 1} to ${claim.seq - 1} are`;
    return `after entry ${last.seq} comes entry ${claim.seq}: ${lacking} not in the file; if it was put together from parts, give all of them`;
  }
  return null;
}

/** The values are those of the entry, and their text is not. */
function hintOfRewriting({ text, claim }: BadLine): string | null {
  if (claim === null || [text, null].includes(canonicalLine(text))) return null;
  return (
    'the values are unchanged, and another program (jq, an editor, a database) has written them with other escapes, ' +
    `blanks or order: verify what \`waybill replay\` printed; ${COPY_AGAIN}`
  );
}

/** The text that the line of an entry should have; null when its hashes are not those of its values. */
function canonicalLine(text: string): string | null {
  try {
    const { core, event, hash } = JSON.parse(text) as Entry;
    const coreText = canonicalJson(core as unknown as JsonObject);
    const eventText = canonicalJson(event);
    if (sha256Hex(coreText) !== hash || (event !== null && sha256Hex(eventText) !== core.event_hash)) return null;
    return canonicalJson({ core: core as unknown as JsonObject, event, hash });
  } catch {
    // It has no canonical form, so that nothing can be said of it.
    return null;
  }
}

/** The number and the chain that a line claims. */
function readClaim(text: string): Claim | null {
  try {
    const { seq, orgid } = (JSON.parse(text) as { core: Claim }).core;
    return Number.isSafeInteger(seq) && isChainName(orgid) ? { seq, orgid } : null;
  } catch {
    return null;
  }
}
