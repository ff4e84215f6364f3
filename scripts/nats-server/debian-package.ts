/**
 * The nats-server of the Debian package, unpacked into a folder of the project: nothing is installed, no root is
 * needed, and apt's own state is not touched.
 *
 * Trust is apt's. The mirrors are the ones that this machine's apt already uses, every index must be signed by a key
 * that the machine trusts for that mirror, and the package must have the hash that the index names. When the newest
 * suites are signed by keys younger than the machine, the current `debian-archive-keyring` package is taken first from
 * the machine's own suite, whose signature the old keys do verify, and the newer suites are checked with that.
 * Verification is never switched off.
 */
import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type AptArchive, readAptArchives } from './apt-sources.ts';
import { isNewEnough, OLDEST_NATS_SERVER, versionOfBinary } from './version.ts';

const run = promisify(execFile);

/** Newest first, because released suites keep the version that they were released with: trixie has 2.10. */
const NEWEST_SUITES = ['sid', 'forky', 'trixie', 'devel'];

/** Puts a new enough server at `target` and returns its version; rejects with one line per suite that was tried. */
export async function fetchDebianPackage(target: string, log: (line: string) => void): Promise<string> {
  const archives = distributionArchives(await readAptArchives(), await codename());
  if (archives.length === 0) throw new Error('the apt sources of this machine name no archive of its distribution');
  await mkdir(dirname(target), { recursive: true });
  const work = await mkdtemp(join(dirname(target), 'apt-'));
  const failures: string[] = [];
  try {
    for (const archive of archives) {
      for (const suite of new Set([...NEWEST_SUITES, ...archive.suites])) {
        log(`asking the distribution's ${suite} for its nats-server package`);
        try {
          const binary = await binaryFrom({ ...archive, suites: [suite] }, archive, work);
          const version = await versionOfBinary(binary);
          await chmod(binary, 0o755);
          // Renamed as the last step: whoever looks at `target`, now or after a crash here, sees all of it or nothing,
          // and of two processes that fetch at once the later one replaces a file by the same file.
          await rename(binary, target);
          return version;
        } catch (error) {
          failures.push(`${suite}: ${reasonOf(error)}`);
        }
      }
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  throw new Error(failures.join('; '));
}

/** The machine's own archives: not third parties', which name no suite of the distribution, nor its update pockets. */
export function distributionArchives(archives: AptArchive[], own: string): AptArchive[] {
  const rolling = new Set([own, 'stable', 'testing', 'unstable', 'sid']);
  const found = archives
    .map((archive) => ({ ...archive, suites: archive.suites.filter((suite) => rolling.has(suite)) }))
    .filter(({ suites, components }) => suites.length > 0 && components.includes('main'));
  return found.filter(({ uri }, index) => found.findIndex((other) => other.uri === uri) === index);
}

async function codename(): Promise<string> {
  const release = await readFile('/etc/os-release', 'utf8');
  return /^VERSION_CODENAME="?([\w-]+)/m.exec(release)?.[1] ?? 'stable';
}

async function binaryFrom(newest: AptArchive, own: AptArchive, work: string): Promise<string> {
  const folder = await unpack('nats-server', newest, work).catch(async (error: unknown) => {
    if (!/NO_PUBKEY|not signed|public key/i.test(reasonOf(error))) throw error;
    const keyring = await unpack('debian-archive-keyring', own, work);
    const signedBy = join(keyring, 'usr/share/keyrings/debian-archive-keyring.gpg');
    return unpack('nats-server', { ...newest, signedBy }, work);
  });
  for (const place of ['usr/sbin', 'usr/bin']) {
    const binary = join(folder, place, 'nats-server');
    const copied = await copyFile(binary, `${folder}.bin`).then(
      () => true,
      () => false,
    );
    if (copied) return `${folder}.bin`;
  }
  throw new Error('the package holds no nats-server in usr/sbin or usr/bin');
}

/** Downloads `name` from `archive`, verified, and unpacks it below `work`. */
async function unpack(name: string, archive: AptArchive, work: string): Promise<string> {
  const root = await mkdtemp(join(work, `${name}-`));
  const env = { ...process.env, LC_ALL: 'C', APT_CONFIG: await writeAptConfig(root, archive) };
  const apt = { cwd: root, env, timeout: 180_000, maxBuffer: 64 << 20 };
  await run('apt-get', ['update', '-qq'], apt);
  const { stdout } = await run('apt-cache', ['policy', name], apt);
  const candidate = /Candidate: (\S+)/.exec(stdout)?.[1] ?? '(none)';
  if (candidate === '(none)') throw new Error(`has no package ${name}`);
  if (name === 'nats-server' && !isNewEnough(candidate)) {
    throw new Error(`has nats-server ${candidate}, and ${OLDEST_NATS_SERVER} or newer is needed`);
  }
  await run('apt-get', ['download', '-qq', name], apt);
  const deb = (await readdir(root)).find((file) => file.endsWith('.deb'));
  if (!deb) throw new Error(`apt-get download ${name} ended well and left no .deb in ${root}`);
  await run('dpkg', ['-x', deb, 'unpacked'], { cwd: root });
  return join(root, 'unpacked');
}

/** An apt of its own below `root`: one source, empty state, none of the machine's hooks or pins. */
async function writeAptConfig(root: string, archive: AptArchive): Promise<string> {
  await mkdir(join(root, 'sources'));
  await mkdir(join(root, 'lists/partial'), { recursive: true });
  await mkdir(join(root, 'cache/archives/partial'), { recursive: true });
  const source = [
    'Types: deb',
    `URIs: ${archive.uri}`,
    `Suites: ${archive.suites.join(' ')}`,
    `Components: ${archive.components.join(' ')}`,
    ...(archive.signedBy ? [`Signed-By: ${archive.signedBy}`] : []),
  ];
  await writeFile(join(root, 'sources/archive.sources'), `${source.join('\n')}\n`);
  // How this machine reaches its mirrors (proxies, certificates, a frozen mirror's dates) is kept; which extra indexes
  // it likes to download is not.
  const { stdout } = await run('apt-config', ['dump']);
  const acquire = stdout.split('\n').filter((line) => /^Acquire::(?!IndexTargets|Languages)/.test(line));
  const config = join(root, 'apt.conf');
  const settings = {
    'Dir::Etc::Main': '/dev/null',
    'Dir::Etc::Parts': '/dev/null',
    'Dir::Etc::Preferences': '/dev/null',
    'Dir::Etc::PreferencesParts': '/dev/null',
    'Dir::Etc::SourceList': '/dev/null',
    'Dir::Etc::SourceParts': join(root, 'sources'),
    'Dir::State::Lists': join(root, 'lists'),
    'Dir::State::Status': '/dev/null',
    'Dir::Cache': join(root, 'cache'),
    // As root apt would drop to a user that cannot read the project's folder.
    'APT::Sandbox::User': 'root',
    'APT::Update::Error-Mode': 'any',
    'APT::Get::AllowUnauthenticated': 'false',
    'Acquire::AllowInsecureRepositories': 'false',
    'Acquire::AllowWeakRepositories': 'false',
    'Acquire::Languages': 'none',
    'Acquire::http::Timeout': '20',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} "${value}";`);
  await writeFile(config, `${[...acquire, ...lines].join('\n')}\n`);
  return config;
}

/** apt's own last complaint where there is one, on one line. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const stderr = 'stderr' in error && typeof error.stderr === 'string' ? error.stderr.trim() : '';
  return (stderr || error.message).replaceAll(/\s*\n\s*/g, ' | ');
}
