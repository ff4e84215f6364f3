/**
 * The command `waybill`. A test that asks what the command answers calls it within its own process: starting a program
 * takes far longer than the answer. A test about the process itself (signals, pipes, the standard input) starts one.
 */
import type { Settings } from '@waybill/consumer';
import { Writable } from 'node:stream';
import { runWaybill } from '../../packages/consumer/src/cli/main.ts';
import { createOutput } from '../../packages/consumer/src/cli/output.ts';
import { runProgram, type Running, startProgram } from './program.ts';
import { WAYBILL } from './repository.ts';

export type WaybillEnvironment = Readonly<Record<string, string>>;

export interface WaybillResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The variables that lead the command to these streams of that server. */
export function environmentOf(url: string, settings: Settings): WaybillEnvironment {
  return {
    WAYBILL_NATS_URL: url,
    WAYBILL_AUDIT_STREAM: settings.auditStream,
    WAYBILL_LEDGER_STREAM: settings.ledgerStream,
    WAYBILL_AUDIT_PREFIX: settings.auditPrefix,
    WAYBILL_LEDGER_PREFIX: settings.ledgerPrefix,
    WAYBILL_CONTROL_PREFIX: settings.controlPrefix,
  };
}

/** Runs a command within this process. Not a `serve` that gets to work: it listens to the signals of its process. */
export async function waybill(args: readonly string[], env: WaybillEnvironment = {}): Promise<WaybillResult> {
  const [stdout, stderr] = [collector(), collector()];
  const code = await runWaybill(args, { env, output: createOutput(stdout.stream, stderr.stream) });
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

function collector(): { stream: NodeJS.WriteStream; text(): string } {
  let text = '';
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string, _encoding, done) {
      text += chunk;
      done();
    },
  });
  // As a pipe, it is no terminal.
  return { stream: stream as NodeJS.WriteStream, text: () => text };
}

/** Starts a command as a process of its own. */
export function startWaybill(args: readonly string[], env: WaybillEnvironment = {}): Running {
  return startProgram([WAYBILL, ...args], { env });
}

/** Runs a command to its end, as a process of its own. */
export async function waybillProcess(
  args: readonly string[],
  env: WaybillEnvironment = {},
  input?: string,
): Promise<WaybillResult> {
  const options = input === undefined ? { env } : { env, input };
  const { code, stdout, stderr } = await runProgram([WAYBILL, ...args], options);
  return { code, stdout, stderr };
}

/** The part of `/status` that tests look at. */
interface ServingStatus {
  readonly role: string;
  readonly watermark: number;
  readonly lag: number;
  readonly commits: number;
  readonly conflicts: number;
  readonly lastError: string | null;
}

export interface Serving extends AsyncDisposable {
  /** SIGKILL. */
  kill9(): Promise<void>;
  /** SIGTERM. @returns the exit code */
  terminate(): Promise<number | null>;
  /** The exit code, when it ends. */
  readonly ended: Promise<number | null>;
  /** SIGSTOP: its sockets stay open and it does nothing, as on a machine that hangs. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
  /** Any other signal. */
  signal(name: NodeJS.Signals): void;
  /** What `/status` says; null while it does not answer. Needs `WAYBILL_HTTP_PORT: '0'`. */
  status(): Promise<ServingStatus | null>;
  /** What it has logged. */
  readonly log: string;
}

/** `waybill serve`, or another command that goes on until it is ended. */
export function serve(env: WaybillEnvironment, args: readonly string[] = ['serve']): Serving {
  const running = startWaybill(args, env);
  const { signal } = running;
  const log = (): string => running.stdout + running.stderr;
  return {
    kill9: async () => void (await running.end('SIGKILL')),
    terminate: async () => (await running.end('SIGTERM')).code,
    ended: running.ended.then(({ code }) => code),
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    signal,
    async status() {
      const url = /"url":"(http:[^"]+)"[^\n]*health endpoints/.exec(log())?.[1];
      if (url === undefined) return null;
      // A process that is frozen does not answer, and is asked again.
      const answer = await fetch(`${url}/status`, { signal: AbortSignal.timeout(2_000) }).catch(() => null);
      return answer ? ((await answer.json()) as ServingStatus) : null;
    },
    get log() {
      return log();
    },
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}
