import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConfigKind, type Credentials, type UserName, writeConfig } from './config.ts';
import type { NatsServerSource } from './find.ts';
import { startGuard } from './guard.ts';
import { launchBinary, type Launch, type ServerProcess } from './process.ts';

export interface NatsServerOptions {
  source: NatsServerSource;
  /** @default 'open' */
  config?: ConfigKind;
  /** Kept when the server is disposed of. Default: a temporary folder that goes with the server. */
  storeDir?: string;
  /** Sync to disk before each ack, in the open configuration; the shipped one always does. @default false */
  syncAlways?: boolean;
  /** Appended to the configuration file. */
  extraConfig?: string;
}

/** A nats-server of our own, with JetStream, on a loopback port that the kernel chose. */
export interface NatsServer extends AsyncDisposable {
  /** `nats://127.0.0.1:<port>`; stays the same over restarts. */
  readonly url: string;
  readonly port: number;
  /** Of the running server; undefined while it is down and in a container. */
  readonly pid: number | undefined;
  /**
   * Where other servers of its cluster dial in, with `cluster { listen: "127.0.0.1:-1" }`; another one after a restart.
   */
  readonly routePort: number | undefined;
  readonly storeDir: string;
  readonly version: string;
  /** With the shipped configuration: what to connect with, passwords made for this server. */
  readonly users: Record<UserName, Credentials> | undefined;
  /** SIGKILL; resolves when the process is gone. */
  kill9(): Promise<void>;
  /** SIGTERM; resolves when the process is gone. Nothing to do when it is. */
  stop(): Promise<void>;
  /** Stops it if it runs, then starts it on the same port with the same store. */
  restart(): Promise<void>;
  /** Replaces `extraConfig`, for the next `restart` or `reload`. */
  configure(extraConfig: string): Promise<void>;
  /** SIGHUP: the server takes its configuration anew, soon after. */
  reload(): Promise<void>;
  /** SIGSTOP: the sockets stay open and nobody answers. */
  pause(): Promise<void>;
  resume(): Promise<void>;
}

export async function startNatsServer(options: NatsServerOptions): Promise<NatsServer> {
  const { source, config: kind = 'open', syncAlways = false, extraConfig = '' } = options;
  const folder = await mkdtemp(join(await realpath(tmpdir()), 'waybill-nats-'));
  const guard = startGuard(folder);
  const storeDir = options.storeDir ?? join(folder, 'store');
  // By us: an engine that has to make it for a container would give it to root.
  await mkdir(storeDir, { recursive: true });
  let current: ServerProcess | undefined;

  const start = async (launch: Launch): Promise<ServerProcess> => {
    const started = await launchFrom(source, launch);
    guard.watch(started.pid);
    const exited = started.exited.then(() => {
      current = undefined;
      guard.watch(undefined);
    });
    current = { ...started, exited };
    return started;
  };
  const end = async (name: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    const ending = current;
    if (!ending) return;
    // A paused server would not see SIGTERM.
    if (name === 'SIGTERM') await ending.signal('SIGCONT');
    await ending.signal(name);
    await ending.exited;
  };

  try {
    const {
      file: configFile,
      env,
      users,
      rewrite,
    } = await writeConfig(folder, { kind, storeDir, syncAlways, extraConfig });
    const { port } = await start({ folder, configFile, storeDir, env });
    return {
      url: `nats://127.0.0.1:${port}`,
      port,
      get pid() {
        return current?.pid;
      },
      get routePort() {
        return current?.routePort;
      },
      storeDir,
      version: source.version,
      users,
      kill9: () => end('SIGKILL'),
      stop: () => end('SIGTERM'),
      restart: async () => {
        await end('SIGTERM');
        await start({ folder, configFile, storeDir, env, port });
      },
      configure: rewrite,
      reload: async () => current?.signal('SIGHUP'),
      pause: async () => current?.signal('SIGSTOP'),
      resume: async () => current?.signal('SIGCONT'),
      [Symbol.asyncDispose]: async () => {
        await end('SIGKILL');
        await rm(folder, { recursive: true, force: true });
        guard.release();
      },
    };
  } catch (error) {
    guard.release();
    throw error;
  }
}

async function launchFrom(source: NatsServerSource, launch: Launch): Promise<ServerProcess> {
  if (source.kind === 'binary') return launchBinary(source.path, launch);
  // Loaded only where a container is wanted: it costs half a second, and most machines never need it.
  const { launchContainer } = await import('./container.ts');
  return launchContainer(source.image, launch);
}
