/**
 * Where the nats-server comes from that this project's commands and tests start. Nothing is installed system-wide.
 *
 * 1. `NATS_SERVER_BIN`, which has to work when it is set;
 * 2. `nats-server` on PATH, when it is new enough;
 * 3. what an earlier run fetched into the project's cache folder;
 * 4. a Docker engine, with the image of docker-compose.yml;
 * 5. the distribution's package (Debian and its children), fetched into the cache folder.
 *
 * Tests look at `NATS_URL`, a server that already runs, before all of these: see test/support/nats.ts.
 */
import { access, constants, readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fetchDebianPackage } from './debian-package.ts';
import { isNewEnough, OLDEST_NATS_SERVER, versionOfBinary } from './version.ts';

export type NatsServerSource =
  | { kind: 'binary'; path: string; version: string; origin: string }
  | { kind: 'image'; image: string; version: string; origin: string };

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CACHED = join(ROOT, '.cache/nats-server/nats-server');

/** The first source that works; `log` hears what is tried that takes time, and why a source was passed over. */
export async function findNatsServer(log: (line: string) => void): Promise<NatsServerSource> {
  const refused: string[] = [];
  const configured = process.env['NATS_SERVER_BIN'];
  // Set and unusable is a mistake to report, never a reason to quietly use another server.
  if (configured) {
    return binary(configured, 'NATS_SERVER_BIN').catch((cause: unknown) => {
      throw new Error(`NATS_SERVER_BIN: ${reasonOf(cause)}`, { cause });
    });
  }

  const attempts: [name: string, attempt: () => Promise<NatsServerSource>][] = [
    ['nats-server on PATH', async () => binary(await onPath('nats-server'), 'on PATH')],
    ['an earlier fetched package', () => binary(CACHED, 'fetched earlier')],
    ['Docker', image],
    ['the distribution package', () => fetched(log)],
  ];
  for (const [name, attempt] of attempts) {
    try {
      return await attempt();
    } catch (error) {
      const reason = reasonOf(error);
      refused.push(`  ${name}: ${reason}`);
      if (!(error instanceof Absent)) log(`not using ${name}: ${reason}`);
    }
  }
  throw new Error(
    [
      `no nats-server ${OLDEST_NATS_SERVER} or newer was found. Tried:`,
      ...refused,
      'Any one of these helps:',
      '  set NATS_SERVER_BIN to a nats-server binary;',
      '  put such a nats-server on PATH;',
      `  start a Docker engine that has, or may pull, ${await composeImage()};`,
      '  run on Debian or a child of it whose apt mirrors answer (no root is needed);',
      '  for tests only, set NATS_URL to a running server with JetStream.',
    ].join('\n'),
  );
}

export function describeSource(source: NatsServerSource): string {
  return `nats-server ${source.version}, ${source.origin}: ${source.kind === 'binary' ? source.path : source.image}`;
}

/** The image that docker-compose.yml pins: the one place that names it. */
async function composeImage(): Promise<string> {
  const text = await readFile(join(ROOT, 'docker-compose.yml'), 'utf8');
  const found = /^\s*image:\s*["']?(nats:[\w.-]+)/m.exec(text)?.[1];
  if (!found) throw new Error('docker-compose.yml names no image nats:<tag>');
  return found;
}

/** Looked for and simply not there, which is no news to the person who waits. */
class Absent extends Error {}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function binary(path: string, origin: string): Promise<NatsServerSource> {
  if (!(await isExecutable(path))) throw new Absent(`${path} is no executable file`);
  const version = await versionOfBinary(path);
  if (!isNewEnough(version)) {
    throw new Error(`${path} is ${version}, and ${OLDEST_NATS_SERVER} or newer is needed`);
  }
  return { kind: 'binary', path, version, origin };
}

async function image(): Promise<NatsServerSource> {
  const { probeImage } = await import('./container.ts');
  const name = await composeImage();
  return { kind: 'image', image: name, version: await probeImage(name), origin: 'in Docker' };
}

async function fetched(log: (line: string) => void): Promise<NatsServerSource> {
  if (process.platform !== 'linux') throw new Absent(`there is none for ${process.platform}`);
  const version = await fetchDebianPackage(CACHED, log);
  return { kind: 'binary', path: CACHED, version, origin: "the distribution's package" };
}

async function onPath(name: string): Promise<string> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, name);
    if (folder !== '' && (await isExecutable(path))) return path;
  }
  throw new Absent('there is none');
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
