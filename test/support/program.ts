/** Programs that run as processes of their own: what they print, how they end, and how a test ends them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** How a process ended. */
export interface Ended {
  /** null: by a signal. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process that runs. Disposing of it kills it. */
export interface Running extends AsyncDisposable {
  readonly child: ChildProcess;
  /** What it has printed so far. */
  readonly stdout: string;
  readonly stderr: string;
  /** Resolves when it has ended and everything that it printed is here. */
  readonly ended: Promise<Ended>;
  signal(name: NodeJS.Signals): void;
  /** Sends a signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<Ended>;
}

export interface ProgramOptions {
  /** Added to the environment of the test, less all `WAYBILL_*` but the switch `WAYBILL_FAST`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** @default the folder of this file, from where every package can be imported */
  readonly cwd?: string;
  /** For the standard input, which ends after it. Absent: there is no input. */
  readonly input?: string;
}

/** The environment of programs that tests start. */
export function programEnvironment(more: ProgramOptions['env'] = {}): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => name === 'WAYBILL_FAST' || !name.startsWith('WAYBILL_'),
  );
  return { ...Object.fromEntries(inherited), ...more };
}

/** Arguments of Node for a program that is given as text. */
export function programText(text: string): string[] {
  return ['--input-type=module-typescript', '--eval', text];
}

/** Starts Node on these arguments: a file and its arguments, or `programText`. */
export function startProgram(args: readonly string[], options: ProgramOptions = {}): Running {
  const { env, cwd = import.meta.dirname, input } = options;
  const child = spawn(process.execPath, ['--conditions=source', ...args], {
    cwd,
    env: programEnvironment(env),
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  // A program that reads none of it may be gone before it is written.
  child.stdin?.on('error', () => undefined).end(input);
  const ended = once(child, 'close').then(([code, signal]): Ended => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
    stdout,
    stderr,
  }));
  const end = (signal: NodeJS.Signals): Promise<Ended> => {
    child.kill(signal);
    return ended;
  };
  return {
    child,
    get stdout() {
      return stdout;
    },
    get stderr() {
      return stderr;
    },
    ended,
    signal: (name) => void child.kill(name),
    end,
    [Symbol.asyncDispose]: async () => void (await end('SIGKILL')),
  };
}

/** Runs Node on these arguments to its end. */
export function runProgram(args: readonly string[], options: ProgramOptions = {}): Promise<Ended> {
  return startProgram(args, options).ended;
}
