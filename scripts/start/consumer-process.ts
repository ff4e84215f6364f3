/** `waybill serve` as a process of its own, as it runs in production. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface ConsumerProcess extends AsyncDisposable {
  readonly pid: number;
  /** Of the health endpoints. */
  readonly url: string;
  /** Every AUDIT message up to this sequence is in the ledger. */
  watermark(): Promise<number>;
  /** Rejects when it ends without having been asked to; never resolves. */
  readonly failed: Promise<never>;
}

const CLI = fileURLToPath(new URL('../../packages/consumer/src/cli.ts', import.meta.url));
const KEPT_LINES = 10;

/** Resolves when it is at work. The identity of `env` needs no right to create or change a stream. */
export async function startConsumerProcess(env: Record<string, string>): Promise<ConsumerProcess> {
  const child = spawn(process.execPath, ['--conditions=source', CLI, 'serve'], {
    env: { ...withoutWaybill(process.env), ...env, WAYBILL_HTTP_PORT: '0', WAYBILL_STREAM_MODE: 'check' },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A Ctrl-C in the terminal is for whoever started it, who stops it in its turn.
    detached: true,
  });
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const said: string[] = [];
  let stopping = false;

  const failed = exited.then(([code, signal]): Promise<never> => {
    if (stopping) return new Promise<never>(() => {});
    throw new Error(`waybill serve ended with ${signal ?? `exit code ${code}`}: ${said.join('\n')}`);
  });
  failed.catch(() => undefined); // Whoever waits for something that needs the consumer races with it.

  const url = new Promise<string>((resolve) => {
    const hear = (line: string): void => {
      if (said.push(line) > KEPT_LINES) said.shift();
      const { msg, url } = parse(line);
      if (msg === 'health endpoints' && url) resolve(url);
    };
    createInterface(child.stdout).on('line', hear);
    createInterface(child.stderr).on('line', hear);
  });

  const stop = async (): Promise<void> => {
    stopping = true;
    child.kill('SIGTERM');
    await exited;
  };
  try {
    const base = await Promise.race([url, failed]);
    return {
      pid: child.pid as number,
      url: base,
      watermark: async () => {
        const response = await Promise.race([fetch(`${base}/status`), failed]);
        return ((await response.json()) as { watermark: number }).watermark;
      },
      failed,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Settings of the person's own installation are not for this one. */
function withoutWaybill(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('WAYBILL_')));
}

function parse(line: string): { msg?: string; url?: string } {
  try {
    return JSON.parse(line) as { msg?: string; url?: string };
  } catch {
    return {};
  }
}
