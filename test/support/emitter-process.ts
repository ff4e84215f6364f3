/** A service that emits, as a process of its own that can be killed; what had returned when it died is in a file. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PublisherOptions } from '@waybill/publisher';
import { programText, startProgram } from './program.ts';

const PROGRAM = `
  import { openSync, writeSync } from 'node:fs';
  import { artifactUploaded, createPublisher } from '@waybill/publisher';
  const { options, perTurn, counter, orgs } = JSON.parse(process.env.EMITTER);
  const audit = createPublisher({ source: '//test', logger: { info() {}, warn() {} }, ...options });
  const fd = openSync(counter, 'w');
  const count = Buffer.alloc(8);
  let n = 0;
  const turn = () => {
    for (let i = 0; i < perTurn; i++) {
      const digest = 'sha256:' + n.toString(16).padStart(64, '0');
      audit.emit(artifactUploaded({ orgid: 'org-' + (n % orgs), digest, size_bytes: n, skipped: false }));
      n++;
      count.writeBigUInt64LE(BigInt(n));
      writeSync(fd, count, 0, 8, 0);
    }
    setTimeout(turn, 1);
  };
  turn();
`;

export interface Emitter extends AsyncDisposable {
  /** Calls of emit that have returned. */
  returned(): number;
  kill9(): Promise<void>;
}

export interface EmitterOptions {
  readonly options: Partial<PublisherOptions>;
  /** Emitted without leaving the loop. */
  readonly perTurn?: number;
  readonly orgs?: number;
}

export function startEmitter({ options, perTurn = 5, orgs = 7 }: EmitterOptions): Emitter {
  const dir = mkdtempSync(join(tmpdir(), 'waybill-emitter-'));
  const counter = join(dir, 'returned');
  writeFileSync(counter, '');
  const emitter = JSON.stringify({ options, perTurn, counter, orgs });
  const running = startProgram(programText(PROGRAM), { env: { EMITTER: emitter } });
  const kill9 = async (): Promise<void> => {
    const { stderr } = await running.end('SIGKILL');
    if (stderr !== '') throw new Error(`the emitter failed: ${stderr}`);
  };
  return {
    returned() {
      const bytes = readFileSync(counter);
      return bytes.length < 8 ? 0 : Number(bytes.readBigUInt64LE());
    },
    kill9,
    async [Symbol.asyncDispose]() {
      await kill9();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
