/** The command line of `waybill-verify`. */
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { argumentFault, repetitionFault } from '@waybill/schema/verify';
import { VerifyError } from '../errors.ts';
import type { Values } from './values.ts';

/** What `--help` prints; `docs/reference/cli.md` quotes it. */
export const HELP = `Usage: waybill-verify FILE… [--org ID] [--expect SEQ:HASH]… [--expect-file HEADS]… [--signer ID=KEY]…
                      [--require-signed] [--system FILE]… [--key [ID=]KEY]… [--replay FILE]… [--from-seq N] [--json]

Judges a replay, a bill or a receipt from disk. It needs no server, no account and no network, and says what it took
each FILE for:

  a replay    a chain as \`waybill replay\` prints it. Several are the parts of one chain, in any order
  a bill      as \`waybill bill\` makes it. A replay beside it is the chain in which the bill's entries are looked for
  a receipt   one signed event, alone or as one line of a chain; --signer has the key that it has to be signed with

  FILE                - is the standard input
  --org ID            the organization whose chain or receipt it has to be
  --expect SEQ:HASH   a head that you hold: only it can show a cut tail or a chain that was recomputed as a whole, and
                      that a bill's entries are those that you know. Several are allowed
  --expect-file HEADS what \`waybill head --all --json\` printed, or \`--org ID\`. Several are allowed
  --signer ID=KEY     check the signatures of events whose keyid is ID: KEY is the base64 of the 32 bytes of an Ed25519
                      public key. Several are allowed
  --require-signed    an event without a valid signature by one of these keys is tampered. Needs --signer
  --system FILE       what \`waybill replay --org _system\` printed: losses that are acknowledged there are known. They
                      are worth as much as this file. Several are its parts
  --key [ID=]KEY      the key of a bill's issuer, in the same form. The bill then has to be signed by one of them
  --replay FILE       the chain of a bill, as when it is given as a FILE
  --from-seq N        the number of the first entry of the chain; what is before it is taken on trust
  --json              the whole report
  -h, --help          this text
  --version           the version

Exit codes: 0 ok; 1 tampered; 2 truncated; 3 incomplete (events never arrived, or no signature was checked);
4 unreadable; 64 wrong call; 66 a file cannot be read; 70 a bug; 74 the output takes no more; 78 Node is too old.`;

const OPTIONS = {
  org: { type: 'string' },
  expect: { type: 'string', multiple: true },
  'expect-file': { type: 'string', multiple: true },
  signer: { type: 'string', multiple: true },
  'require-signed': { type: 'boolean' },
  system: { type: 'string', multiple: true },
  key: { type: 'string', multiple: true },
  replay: { type: 'string', multiple: true },
  'from-seq': { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const satisfies ParseArgsOptionsConfig;

/** What those mean who know `waybill verify`. */
const MEANT = { file: 'the name alone', bill: 'the name alone' };

export interface CommandLine {
  readonly values: Values;
  readonly files: readonly string[];
}

/** @throws VerifyError BAD_ARGUMENT naming the option */
export function parseCommandLine(args: readonly string[]): CommandLine {
  let parsed: ReturnType<typeof parseArgs<{ options: ParseArgsOptionsConfig; allowPositionals: true; tokens: true }>>;
  try {
    parsed = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true, strict: true, tokens: true });
  } catch (cause) {
    const fault = argumentFault(cause, Object.keys(OPTIONS), MEANT);
    throw new VerifyError('BAD_ARGUMENT', fault, { cause });
  }
  const { values, positionals, tokens } = parsed;
  const repeated = repetitionFault(tokens, OPTIONS);
  if (repeated !== null) throw new VerifyError('BAD_ARGUMENT', repeated);
  return {
    files: positionals,
    values: {
      text: (name) => (Array.isArray(values[name]) ? values[name][0] : values[name]) as string | undefined,
      all: (name) => (values[name] as string[] | undefined) ?? [],
      flag: (name) => values[name] === true,
    },
  };
}
