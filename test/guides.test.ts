/**
 * docs/guides/getting-started.md is what a new user copies: its commands are run as they stand there, each in the shell of its
 * terminal, and answer what the page says. Only the port and the folder are others.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, inject, test } from 'vitest';
import { needsOwnServer } from './support/nats.ts';
import { until } from './support/until.ts';

beforeEach(needsOwnServer);

const ROOT = join(import.meta.dirname, '..');
const PAGE = await readFile(join(ROOT, 'docs/guides/getting-started.md'), 'utf8');

interface Step {
  readonly terminal: string;
  readonly commands: string;
  /** `…` stands for anything within a line. Absent: it goes on until it is ended. */
  readonly answer: string | undefined;
}

const STEPS: Step[] = [
  ...PAGE.matchAll(/^<!-- terminal: (\w+) -->\n```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?/gms),
].map(([, terminal = '', commands = '', answer]) => ({ terminal, commands, answer }));

test('every command of the page is run', () => {
  expect(PAGE.match(/^```sh$/gm)).toHaveLength(STEPS.length);
  expect(PAGE.match(/^```/gm)).toHaveLength(2 * STEPS.length + 2 * STEPS.filter(({ answer }) => answer).length);
  expect(new Set(STEPS.map(({ terminal }) => terminal))).toEqual(new Set(['server', 'you', 'consumer']));
});

/** A shell that is told commands, as a terminal is. */
function openTerminal(): Terminal {
  const source = inject('natsServer');
  const own = Object.entries(process.env).filter(([name]) => !/^(WAYBILL|NATS)_/.test(name));
  const env = { ...Object.fromEntries(own), ...(source.kind === 'binary' && { NATS_SERVER_BIN: source.path }) };
  // A process group of its own, as a terminal has: what is ended is everything that was started in it.
  const shell = spawn('bash', [], { cwd: ROOT, env, detached: true });
  const ended = once(shell, 'exit');
  let said = '';
  for (const stream of [shell.stdout, shell.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text));
  return {
    get said() {
      return said;
    },
    type: (commands) => void shell.stdin.write(commands),
    async run(commands) {
      const before = said.length;
      const end = `end-${randomBytes(8).toString('hex')}`;
      shell.stdin.write(`${commands}\necho ${end} $?\n`);
      const [, answer = '', code] = await until(`the end of ${commands}`, () =>
        new RegExp(`^(.*?)${end} (\\d+)$`, 'ms').exec(said.slice(before)),
      );
      return { answer, code: Number(code) };
    },
    async [Symbol.asyncDispose]() {
      if (shell.exitCode === null) process.kill(-(shell.pid as number), 'SIGTERM');
      shell.stdin.end();
      await ended;
    },
  };
}

interface Terminal extends AsyncDisposable {
  /** Everything so far. */
  readonly said: string;
  type(commands: string): void;
  run(commands: string): Promise<{ answer: string; code: number }>;
}

test('the page takes a new user from nothing to a verified event', async ({ skip }) => {
  skip(inject('natsServer').kind === 'image', 'the page needs a nats-server that is a program');
  await using parts = new AsyncDisposableStack();
  // Below the repository, where programs find the packages.
  const folder = `getting-started-test-${randomBytes(6).toString('hex')}`;
  await mkdir(join(ROOT, folder), { recursive: true });
  parts.defer(() => rm(join(ROOT, folder), { recursive: true }));
  const terminals: Record<string, Terminal> = {};
  for (const name of ['server', 'consumer', 'you']) terminals[name] = parts.use(openTerminal());

  let port = '';
  for (const { terminal, commands, answer } of STEPS) {
    const inFolder = commands.replaceAll('getting-started/', `${folder}/`);
    const shell = terminals[terminal] as Terminal;
    if (terminal === 'server') {
      shell.type(inFolder.replace('-p 4222', `-p -1 --ports_file_dir ${folder}`));
      port = await portOf(join(ROOT, folder));
      continue;
    }
    const onPort = inFolder.replaceAll('4222', port);
    if (answer === undefined) {
      shell.type(onPort);
      continue;
    }
    const { answer: answered, code } = await shell.run(onPort);
    expect({ code, answered }).toEqual({ code: 0, answered: expect.stringMatching(patternOf(answer)) });
  }
});

async function portOf(folder: string): Promise<string> {
  return until(`the port of the server`, async () => {
    const file = (await readdir(folder)).find((name) => name.endsWith('.ports'));
    const text = file ? await readFile(join(folder, file), 'utf8') : '';
    return /"nats:\/\/127\.0\.0\.1:(\d+)"/.exec(text)?.[1];
  });
}

function patternOf(answer: string): RegExp {
  const literal = answer.split('…').map((text) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${literal.join('[^\\n]*')}$`);
}
