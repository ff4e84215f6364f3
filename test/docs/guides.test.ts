/**
 * The guides are what a new user copies: their commands are run as they stand there, each in the shell of its terminal,
 * and answer what the page says. Only ports and the folder are others.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { beforeEach, expect, inject, test } from 'vitest';
import { needsOwnServer } from '../support/nats.ts';
import { programEnvironment } from '../support/program.ts';
import { ROOT } from '../support/repository.ts';
import { TEST_MS } from '../support/time.ts';
import { uniqueName } from '../support/unique-name.ts';
import { until } from '../support/until.ts';

beforeEach(needsOwnServer);

/** Each line is one installation: its pages are followed one after the other. */
const WALKS = [['getting-started'], ['operator', 'service-team', 'billing', 'customer', 'auditor', 'access']];

interface Step {
  readonly page: string;
  readonly terminal: string;
  /** A program that not every machine has. */
  readonly needs: string | undefined;
  readonly commands: string;
  /** `…` stands for anything within a line. Absent: the commands go on until they are ended. */
  readonly answer: string | undefined;
}

const textOf = (page: string): Promise<string> => readFile(join(ROOT, `docs/guides/${page}.md`), 'utf8');

async function stepsOf(page: string): Promise<Step[]> {
  const blocks = (await textOf(page)).matchAll(
    /^<!-- terminal: (\w+)(?:, needs: (\w+))? -->\n```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?/gms,
  );
  return [...blocks].map(([, terminal = '', needs, commands = '', answer]) => {
    return { page, terminal, needs, commands, answer };
  });
}

test.each(WALKS.flat())('every command of %s.md is run', async (page) => {
  const [text, steps] = [await textOf(page), await stepsOf(page)];
  expect(text.match(/^ *```sh$/gm)).toHaveLength(steps.length);
  expect(text.match(/^ *```/gm)).toHaveLength(2 * steps.length + 2 * steps.filter(({ answer }) => answer).length);
});

/** A shell that is told commands, as a terminal is. */
function openTerminal(): Terminal {
  const source = inject('natsServer');
  const own = Object.entries(programEnvironment()).filter(([name]) => !name.startsWith('NATS_'));
  const env = { ...Object.fromEntries(own), ...(source.kind === 'binary' && { NATS_SERVER_BIN: source.path }) };
  // A process group of its own, as a terminal has: what is ended is everything that was started in it.
  const shell = spawn('bash', [], { cwd: ROOT, env, detached: true });
  // Not `exit`: what was started in it has the same output, and may still be writing files when the shell is gone.
  const ended = once(shell, 'close');
  // One stream, as a terminal has: of two, the second may arrive after the end of a command was read in the first.
  shell.stdin.write('exec 2>&1\n');
  let said = '';
  for (const stream of [shell.stdout, shell.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text));
  return {
    get said() {
      return said;
    },
    type: (commands) => void shell.stdin.write(commands),
    async run(commands) {
      const before = said.length;
      const end = `end-${uniqueName()}`;
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

interface Answer {
  readonly answer: string;
  readonly code: number;
}

interface Terminal extends AsyncDisposable {
  /** Everything so far. */
  readonly said: string;
  type(commands: string): void;
  run(commands: string): Promise<Answer>;
}

// Some thirty commands, each of which starts npm and a program.
test.for(WALKS)('a new user follows %s', { timeout: 3 * TEST_MS }, async (pages, { skip }) => {
  skip(inject('natsServer').kind === 'image', 'the pages need a nats-server that is a program');
  await using parts = new AsyncDisposableStack();
  // Below the repository, where programs find the packages.
  const folder = `getting-started-test-${uniqueName()}`;
  await mkdir(join(ROOT, folder), { recursive: true });
  parts.defer(() => rm(join(ROOT, folder), { recursive: true }));
  const terminals = new Map<string, Terminal>();
  const ports = new Map([
    ['8080', await freePort()],
    ['8081', await freePort()],
    ['8090', await freePort()],
    ['8091', await freePort()],
  ]);

  for (const { page, terminal, needs, commands, answer } of (await Promise.all(pages.map(stepsOf))).flat()) {
    if (needs !== undefined && spawnSync('which', [needs]).status !== 0) continue;
    let typed = commands.replaceAll('getting-started/', `${folder}/`);
    for (const [port, own] of ports) typed = typed.replaceAll(port, own);
    const shell = terminals.get(terminal) ?? parts.use(openTerminal());
    terminals.set(terminal, shell);
    if (terminal === 'server') {
      shell.type(typed.replace('-p 4222', `-p -1 --ports_file_dir ${folder}`));
      ports.set('4222', await portOf(join(ROOT, folder)));
    } else if (answer === undefined) {
      shell.type(typed);
    } else {
      expectAnswer(page, answer.replaceAll('getting-started/', `${folder}/`), await shell.run(typed));
    }
  }
});

function expectAnswer(page: string, answer: string, { answer: answered, code }: Answer): void {
  expect({ page, code, answered }).toEqual({ page, code: 0, answered: expect.stringMatching(patternOf(answer)) });
}

async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return String(address.port);
}

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
