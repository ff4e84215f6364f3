import { once } from 'node:events';
import { GenericContainer, getContainerRuntimeClient, type StartedTestContainer, Wait } from 'testcontainers';
import { accepting, type Launch, type ServerProcess, type ServerSignal } from './process.ts';
import { isNewEnough, OLDEST_NATS_SERVER, parseVersion } from './version.ts';

const CLIENT_PORT = 4222;
/** Includes pulling the image over a slow line. */
const START_TIMEOUT_MS = 180_000;

/** Runs `nats-server --version` in `image`, pulled if need be; proves that the engine can start what we need. */
export async function probeImage(image: string): Promise<string> {
  await getContainerRuntimeClient();
  let output = '';
  const container = await new GenericContainer(image)
    .withEntrypoint(['nats-server'])
    .withCommand(['--version'])
    .withLogConsumer((stream) => stream.on('data', (data: Buffer | string) => (output += data.toString())))
    .withWaitStrategy(Wait.forOneShotStartup())
    .withStartupTimeout(START_TIMEOUT_MS)
    .start();
  await container.stop();
  const version = parseVersion(output)?.join('.') ?? `(${JSON.stringify(output)})`;
  if (!isNewEnough(version)) throw new Error(`${image} holds ${version}, and ${OLDEST_NATS_SERVER} or newer is needed`);
  return version;
}

/** As launchBinary, in a container: the folders are mounted at the same paths, so one configuration fits both. */
export async function launchContainer(image: string, launch: Launch): Promise<ServerProcess> {
  let log = '';
  const container = await new GenericContainer(image)
    .withEntrypoint(['nats-server'])
    .withCommand(['-c', launch.configFile, '-a', '0.0.0.0', '-p', String(CLIENT_PORT)])
    .withEnvironment(launch.env)
    .withBindMounts([...new Set([launch.folder, launch.storeDir])].map((path) => ({ source: path, target: path })))
    // The store belongs to whoever started us, who has to be able to remove it.
    .withUser(`${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`)
    .withExposedPorts(launch.port === undefined ? CLIENT_PORT : { container: CLIENT_PORT, host: launch.port })
    .withLogConsumer((stream) => stream.on('data', (data: Buffer | string) => (log += data.toString())))
    .withWaitStrategy(Wait.forLogMessage('Server is ready'))
    .withStartupTimeout(START_TIMEOUT_MS)
    .start()
    .catch((cause: unknown) => {
      throw new Error(`${image} did not get ready: ${log.trim().split('\n').slice(-5).join(' | ')}`, { cause });
    });
  const port = container.getMappedPort(CLIENT_PORT);
  const exited = exitOf(container);
  await accepting(port, exited);
  return { port, pid: undefined, exited, signal: (name) => signal(container, name) };
}

async function exitOf(container: StartedTestContainer): Promise<void> {
  const stream = await container.logs();
  stream.resume();
  await once(stream, 'end');
  // Its port is free for the next life only once the container itself is gone.
  await container.stop();
}

async function signal(container: StartedTestContainer, name: ServerSignal) {
  const runtime = await getContainerRuntimeClient();
  const handle = runtime.container.getById(container.getId());
  const { State } = await handle.inspect();
  if (name === 'SIGSTOP') await handle.pause();
  else if (name === 'SIGCONT') await (State.Paused ? handle.unpause() : undefined);
  else await handle.kill({ signal: name });
}
