import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readdir, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** How a server is started, whatever it runs in. */
export interface Launch {
  /** Holds the configuration and takes the log; readable by the server at this same path. */
  folder: string;
  configFile: string;
  storeDir: string;
  /** The port of an earlier start that has to be kept; absent: any free one. */
  port?: number;
  env: Record<string, string>;
}

export type ServerSignal = 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' | 'SIGHUP';

/** One life of a server: from its start until it exits, for whatever reason. */
export interface ServerProcess {
  port: number;
  /** Where other servers of its cluster dial in; absent without a cluster, and in a container. */
  routePort?: number;
  /** Absent in a container, whose processes the host need not see. */
  pid: number | undefined;
  /** Resolves when the server is gone. */
  exited: Promise<void>;
  signal(name: ServerSignal): Promise<void>;
}

const READY_TIMEOUT_MS = 30_000;

/** Starts the file `binary` on a loopback port and resolves when it accepts clients. */
export async function launchBinary(binary: string, launch: Launch): Promise<ServerProcess> {
  const log = await open(join(launch.folder, 'server.log'), 'a');
  const child = spawn(
    binary,
    // -1 lets the kernel choose, and the server writes its choice to the folder: no port is ever guessed.
    // prettier-ignore
    ['-c', launch.configFile, '-a', '127.0.0.1', '-p', String(launch.port ?? -1), '--ports_file_dir', launch.folder],
    // Its own process group: a Ctrl-C in the terminal is for whoever started us, who stops the server last.
    { env: { ...process.env, ...launch.env }, stdio: ['ignore', log.fd, log.fd], detached: true },
  );
  try {
    await once(child, 'spawn');
  } catch (cause) {
    throw new Error(`could not run ${binary}`, { cause });
  } finally {
    await log.close();
  }
  const exited = once(child, 'exit').then(() => undefined);
  // A server must not keep a finished program alive; the guard ends it.
  child.unref();
  const pid = child.pid;
  try {
    const { port, routePort } = await portsOf(`${launch.folder}/nats-server_${String(pid)}.ports`, exited);
    await accepting(port, exited);
    return {
      port,
      ...(routePort !== undefined && { routePort }),
      pid,
      exited,
      signal: async (name) => {
        // Who ends it waits for `exited`, perhaps with nothing else left that would keep the program alive until then.
        if (name === 'SIGTERM' || name === 'SIGKILL') child.ref();
        child.kill(name);
        // Sent is not stopped yet: until each thread is, one of them may answer.
        if (name === 'SIGSTOP') await until(exited, async () => ((await isStopped(pid)) ? true : undefined));
      },
    };
  } catch (cause) {
    child.kill('SIGKILL');
    throw new Error(`${binary} did not get ready: ${await lastLines(join(launch.folder, 'server.log'))}`, { cause });
  }
}

/** Whether every thread of a process has stopped; where there is no /proc, nobody can tell, and it is assumed. */
async function isStopped(pid: number | undefined): Promise<boolean> {
  const threads = await readdir(`/proc/${String(pid)}/task`).catch(() => []);
  const states = threads.map(async (thread) => {
    const stat = await readFile(`/proc/${String(pid)}/task/${thread}/stat`, 'utf8').catch(() => '');
    // "pid (name) state …", and a name may hold anything but ends at the last parenthesis.
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
  });
  return (await Promise.all(states)).every((state) => state === 'T' || state === '');
}

/** The ports in the file that nats-server writes once it listens. */
async function portsOf(file: string, exited: Promise<void>): Promise<{ port: number; routePort: number | undefined }> {
  const text = await until(exited, async () => {
    const written = await readFile(file, 'utf8').catch(() => '');
    return written.endsWith('}') ? written : undefined;
  });
  await rm(file);
  const { nats, cluster } = JSON.parse(text) as { nats: string[]; cluster?: string[] };
  const port = portIn(nats[0]);
  if (port === undefined) throw new Error(`no port in ${file}: ${text}`);
  return { port, routePort: portIn(cluster?.[0]) };
}

function portIn(url = ''): number | undefined {
  const port = Number(URL.parse(url)?.port);
  return Number.isInteger(port) && port > 0 ? port : undefined;
}

/** Resolves when a server on `port` greets clients (INFO is the first thing that it sends). */
export async function accepting(port: number, exited: Promise<void>): Promise<void> {
  await until(exited, async () => ((await greeting(port)).startsWith('INFO ') ? true : undefined));
}

function greeting(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const done = (text: string): void => {
      socket.destroy();
      resolve(text);
    };
    socket.setTimeout(1000, () => done(''));
    socket.once('data', (data) => done(data.toString()));
    socket.once('error', () => done(''));
    socket.once('close', () => done(''));
  });
}

/** Asks every few milliseconds until there is an answer; rejects when the server exits or takes too long. */
async function until<T>(exited: Promise<void>, ask: () => Promise<T | undefined>): Promise<T> {
  const gone = exited.then(() => 'gone');
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (Date.now() < deadline) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if ((await Promise.race([gone, delay(5)])) === 'gone') throw new Error('the server exited');
  }
  throw new Error(`not ready after ${READY_TIMEOUT_MS} ms`);
}

async function lastLines(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.trim().split('\n').slice(-5).join(' | ') || '(no log)';
}
