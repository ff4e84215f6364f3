/** What the tests of verification share: chains, changes to them, and verdicts. */
import fc from 'fast-check';
import { originOf } from '../src/event/origin.ts';
import { SYSTEM_CHAIN } from '../src/event/subject.ts';
import { canonicalJson } from '../src/json/canonical.ts';
import { isJsonObject, type Json, type JsonObject } from '../src/json/json.ts';
import { type CoreOrigin, emptyHead, type Entry, type Head } from '../src/ledger/entry.ts';
import { appendEntry } from '../src/ledger/running-head.ts';
import { NO_VOLUME, type Volume } from '../src/ledger/volume.ts';
import { createLineSplitter } from '../src/verify/line-splitter.ts';
import type { ChainReport } from '../src/verify/verdict.ts';
import { createChainVerifier, verify, type VerifyOptions } from '../src/verify/verify.ts';
import { anySpec, fastSha256, makeChain, type Spec } from './chain.ts';

const encoder = new TextEncoder();
export const run = (lines: readonly (string | Uint8Array)[], options: VerifyOptions = {}): ChainReport =>
  verify(lines, { sha256: fastSha256, ...options });
export const toBytes = (lines: readonly string[]): Uint8Array =>
  encoder.encode(lines.map((line) => `${line}\n`).join(''));

/** Verifies a file as `verify --file` does. */
export function runFile(bytes: Uint8Array, options: VerifyOptions = {}, chunk = 1000): ChainReport {
  const verifier = createChainVerifier({ sha256: fastSha256, ...options });
  const splitter = createLineSplitter();
  for (let at = 0; at < bytes.length; at += chunk)
    for (const line of splitter.push(bytes.subarray(at, at + chunk))) verifier.pushBytes(line);
  const rest = splitter.finish();
  if (rest) verifier.pushBytes(rest);
  return verifier.finish();
}

export const upload = (artifact: number, bytes: number | null = 5, producer: number | null = 1): Spec => ({
  what: 'upload',
  artifact,
  bytes,
  producer,
  note: '\ufffd😀ü',
});
export const other: Spec = { what: 'other', artifact: 0, bytes: 0, producer: null };
export const skip = (artifact: number): Spec => ({ what: 'skip', artifact, bytes: null, producer: 1 });
export const anyChain = fc.array(anySpec, { minLength: 1, maxLength: 6 }).map((specs) => makeChain('acme', specs));
export const anyLongChain = fc.array(anySpec, { minLength: 3, maxLength: 8 }).map((specs) => makeChain('acme', specs));
export const headAt = (lines: readonly string[], seq: number) => ({
  seq,
  hash: (JSON.parse(lines[seq - 1] as string) as Entry).hash,
});

interface ForgedEntry {
  readonly event: Json;
  readonly volume?: Volume;
  readonly received?: string;
  /** `source.seq`, and `source.index`. */
  readonly source?: number;
  readonly index?: number;
  /** Default: the origin that the event states. */
  readonly origin?: CoreOrigin | null;
}

/** A chain with right hashes and any content. */
export function forge(entries: readonly ForgedEntry[], orgid = 'acme'): string[] {
  let head: Head = emptyHead(orgid);
  return entries.map((entry, i) => {
    const { event, volume = NO_VOLUME, received = '2026-01-01T00:00:00.000Z', source, index } = entry;
    const said = isJsonObject(event) && orgid !== SYSTEM_CHAIN ? originOf(event) : null;
    const next = appendEntry(
      head,
      {
        received,
        source: { stream: 'AUDIT', seq: source ?? i + 1, ...(index !== undefined && { index }), subject: 's' },
        origin: entry.origin === undefined ? said : entry.origin,
        event: canonicalJson(event),
        volume,
      },
      fastSha256,
    );
    head = next.head;
    return next.line;
  });
}

export const erase = (line: string): string => canonicalJson({ ...(JSON.parse(line) as JsonObject), event: null });
