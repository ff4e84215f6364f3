import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { UNFORESEEN } from '../../packages/consumer/src/cli/exit-codes.ts';
import { runWaybill } from '../../packages/consumer/src/cli/main.ts';
import type { Output } from '../../packages/consumer/src/cli/output.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';

// `waybill deploy` makes streams with the default names.
beforeEach(needsOwnServer);

/** Not `serve`, which does not end. */
const COMMANDS = ['usage', 'verify', 'head', 'replay', 'deploy', 'help', 'version', '__proto__', ''];
const OPTIONS =
  '--org --all --file --json --from --to --expect --signer --from-seq --wait --format --follow --check --version';
const VALUES = [
  '',
  ' ',
  'a b',
  '*',
  '>',
  '_system',
  'é🙂',
  '\0',
  '\u001B[2J',
  '%',
  '=',
  'k=v',
  '-1',
  '1e99',
  '99999999999999999999',
];
const WORDS = ['--', '-x', '-hx', '/', '.', '__proto__', 'toString', 'x'.repeat(300), '2026-13-45', 'csv', 'acme'];

test('no mistake on the command line ends in a stack', async () => {
  await using server = await startNats();
  const word = fc
    .oneof(fc.constantFrom(...VALUES, ...WORDS), fc.constantFrom(...OPTIONS.split(' ')), fc.string({ maxLength: 8 }))
    // The standard input, which nobody ends here.
    .filter((text) => text !== '-');
  // Mostly a line that is right but for one thing: anything else is refused before it does anything.
  const org = fc.oneof(fc.constant(['--all']), fc.tuple(fc.constant('--org'), word));
  const option = fc.tuple(fc.constantFrom(...OPTIONS.split(' ')), word);
  const rest = fc
    .tuple(org, fc.array(fc.oneof(fc.tuple(word), option), { maxLength: 1 }))
    .map((parts) => parts.flat(2));
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...COMMANDS), rest, async (command, words) => {
      const notes: string[] = [];
      const code = await runWaybill([command, ...words], {
        env: { WAYBILL_NATS_URL: server.url },
        output: collectInto(notes),
      });
      expect(code, notes.join('\n')).not.toBe(UNFORESEEN);
    }),
    { numRuns: 500 },
  );
});

function collectInto(notes: string[]): Output {
  return {
    lines: () => Promise.resolve(),
    text: () => Promise.resolve(),
    json: () => Promise.resolve(),
    note: (line) => void notes.push(line),
    progress: () => undefined,
    isTerminal: false,
    // What follows a chain ends.
    readerGone: AbortSignal.abort(),
  };
}
