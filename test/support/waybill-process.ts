/** The `waybill` command as a real process, as an operator starts it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Settings } from '@waybill/consumer';

const CLI = fileURLToPath(new URL('../../packages/consumer/src/cli.ts', import.meta.url));

export type WaybillEnvironment = Readonly<Record<`WAYBILL_${string}`, string>>;

export interface WaybillResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What the command needs to know to work on these streams of that server. */
export function environmentOf(url: string, settings: Settings): WaybillEnvironment {
  return {
    WAYBILL_NATS_URL: url,
    WAYBILL_AUDIT_STREAM: settings.auditStream,
    WAYBILL_LEDGER_STREAM: settings.ledgerStream,
    WAYBILL_AUDIT_PREFIX: settings.auditPrefix,
    WAYBILL_LEDGER_PREFIX: settings.ledgerPrefix,
  };
}

function start(args: readonly string[], environment: WaybillEnvironment) {
  const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('WAYBILL_')));
  return spawn(process.execPath, ['--conditions=source', CLI, ...args], {
    env: { ...own, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Runs a command to its end. */
export async function waybill(args: readonly string[], environment: WaybillEnvironment = {}): Promise<WaybillResult> {
  const child = start(args, environment);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code] = (await once(child, 'close')) as [number | null];
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

/** `waybill serve`, or another command that goes on, until it is ended. */
export function serve(environment: WaybillEnvironment, args: readonly string[] = ['serve']): Serving {
  const child = start(args, environment);
  const closed = once(child, 'close') as Promise<[number | null]>;
  let log = '';
  const collect = (text: string) => (log += text);
  child.stdout.setEncoding('utf8').on('data', collect);
  child.stderr.setEncoding('utf8').on('data', collect);

  async function end(signal: NodeJS.Signals): Promise<number | null> {
    child.kill(signal);
    const [code] = await closed;
    return code;
  }

  return {
    kill9: async () => void (await end('SIGKILL')),
    terminate: () => end('SIGTERM'),
    ended: closed.then(([code]) => code),
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    signal: (name) => void child.kill(name),
    async status() {
      const url = /"url":"(http:[^"]+)"[^\n]*health endpoints/.exec(log)?.[1];
      if (url === undefined) return null;
      const answer = await fetch(`${url}/status`, { signal: AbortSignal.timeout(500) }).catch(() => null);
      return answer ? ((await answer.json()) as ServingStatus) : null;
    },
    get log() {
      return log;
    },
    [Symbol.asyncDispose]: async () => void (await end('SIGKILL')),
  };
}
