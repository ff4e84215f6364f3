/**
 * Verification of a replayed file, per core, beside a peer and a ceiling, all over the same entries in the same run.
 *
 * The peer is the algorithm of acttrace, a hash-chained log in Python (bench/acttrace.py), which re-derives one hash a
 * record; its records hold what our entries hold. The ceiling does nothing but `JSON.parse` and one SHA-256 for each
 * line.
 *
 *     npm run bench -- verify            BENCH_ENTRIES=100000 BENCH_ROUNDS=5
 *
 * Rates are entries per second of CPU time of the one thread that works, and rounds alternate: a busy machine is busy
 * for all.
 */
import { canonicalJson, createChainVerifier, createLineSplitter } from '@waybill/schema';
import { appendEntry, emptyHead } from '@waybill/schema/internal';
import { spawnSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median } from './median.ts';

const ENTRIES = Number(process.env['BENCH_ENTRIES'] ?? 100_000);
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 5);
const CHUNK = 1 << 20;
const PEER = fileURLToPath(new URL('./acttrace.py', import.meta.url));
const sha256 = (text: string): string => hash('sha256', text, 'hex');

/**
 * A chain as `waybill replay` prints it: uploads, every fifth of them skipped without a size, so that it is taken from
 * an earlier one.
 */
function makeFile(): Buffer {
  const lines: string[] = [];
  let head = emptyHead('org-1');
  for (let seq = 1; seq <= ENTRIES; seq++) {
    const isSkipped = seq % 5 === 0;
    const size = (seq * 7919) % 10_000_000;
    const stated = isSkipped ? ((seq - 1) * 7919) % 10_000_000 : size;
    const received = new Date(1_767_225_600_000 + seq).toISOString();
    const event = canonicalJson({
      specversion: '1.0',
      id: `01997b3c-8a01-7000-8000-${String(seq).padStart(12, '0')}`,
      source: '//cas.example/artifact-cas',
      type: 'casartifact.uploaded',
      time: received,
      orgid: 'org-1',
      actortype: 'SERVICE',
      producer: '01997b3c-8a01-7000-8000-000000000001',
      producerseq: String(seq),
      data: {
        digest: `sha256:${sha256(String(isSkipped ? seq - 1 : seq))}`,
        file_name: 'sbom.cyclonedx.json',
        backend_type: 'OCI',
        skipped: isSkipped,
        ...(!isSkipped && { size_bytes: size }),
      },
    });
    const next = appendEntry(
      head,
      {
        received,
        source: { stream: 'AUDIT', seq: seq * 100, subject: 'audit.casartifact.uploaded.org-1' },
        origin: { producer: '01997b3c-8a01-7000-8000-000000000001', producerseq: seq },
        event,
        volume: isSkipped
          ? { kind: 'deduplicated', bytes: String(stated), from: seq - 1 }
          : { kind: 'upload', bytes: String(size) },
      },
      sha256,
    );
    ({ head } = next);
    lines.push(next.line);
  }
  return Buffer.from(`${lines.join('\n')}\n`);
}

/** Entries per second of CPU time. */
function rate(work: () => void): number {
  const before = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(before);
  return ENTRIES / ((user + system) / 1e6);
}

function verifyFile(file: Buffer): void {
  const verifier = createChainVerifier({ sha256 });
  const splitter = createLineSplitter();
  for (let at = 0; at < file.length; at += CHUNK)
    for (const line of splitter.push(file.subarray(at, at + CHUNK))) verifier.pushBytes(line);
  const { verdict, entries } = verifier.finish();
  if (verdict !== 'ok' || entries !== ENTRIES) throw new Error(`verdict ${verdict} after ${entries} entries`);
}

function parseAndHash(file: Buffer): void {
  const splitter = createLineSplitter();
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let seen = 0;
  for (let at = 0; at < file.length; at += CHUNK) {
    for (const line of splitter.push(file.subarray(at, at + CHUNK))) {
      const text = decoder.decode(line);
      if (typeof JSON.parse(text) === 'object' && sha256(text).length === 64) seen++;
    }
  }
  if (seen !== ENTRIES) throw new Error(`${seen} lines`);
}

/**
 * Records per second of CPU time, with all that our entry holds and with the event alone; null: there is no python3.
 */
function acttrace(path: string): { whole: number; event: number } | null {
  const { error, status, stdout, stderr } = spawnSync('python3', [PEER, path], { encoding: 'utf8' });
  if (error && (error as NodeJS.ErrnoException).code === 'ENOENT') return null;
  if (error || status !== 0) throw new Error(`python3 ${PEER} ended with ${status}: ${error?.message ?? stderr}`);
  return JSON.parse(stdout) as { whole: number; event: number };
}

const folder = mkdtempSync(join(tmpdir(), 'waybill-bench-'));
try {
  const path = join(folder, 'chain.ndjson');
  writeFileSync(path, makeFile());
  const file = readFileSync(path);
  const rounds = { waybill: [] as number[], ceiling: [] as number[], whole: [] as number[], event: [] as number[] };
  let hasPeer = true;
  for (let round = -1; round < ROUNDS; round++) {
    const waybill = rate(() => verifyFile(file));
    const ceiling = rate(() => parseAndHash(file));
    const peer: ReturnType<typeof acttrace> = hasPeer ? acttrace(path) : null;
    hasPeer = peer !== null;
    // The first one is warming up.
    if (round < 0) continue;
    rounds.waybill.push(waybill);
    rounds.ceiling.push(ceiling);
    if (!peer) continue;
    rounds.whole.push(peer.whole);
    rounds.event.push(peer.event);
  }
  const ours = median(rounds.waybill);
  const row = (rates: readonly number[]) => ({
    'entries/s': Math.round(median(rates)),
    'µs each': Number((1e6 / median(rates)).toFixed(2)),
    'waybill beside it': Number((ours / median(rates)).toFixed(2)),
  });
  console.log(
    `node ${process.version}; ${ROUNDS} rounds of ${ENTRIES} entries of ${Math.round(file.length / ENTRIES)} bytes`,
  );
  console.table({
    'waybill verify': row(rounds.waybill),
    'JSON.parse and one SHA-256 (ceiling)': row(rounds.ceiling),
    ...(hasPeer && { 'acttrace, equal entries': row(rounds.whole), 'acttrace, events alone': row(rounds.event) }),
  });
  if (!hasPeer) console.log('SKIPPED: the peer, acttrace in Python: there is no python3 on PATH');
} finally {
  rmSync(folder, { recursive: true });
}
