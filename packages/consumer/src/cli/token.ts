import type { NatsConnection } from '@nats-io/nats-core';
import type { Scope } from '@waybill/schema/routes';
import { type AuditMessage, tokenMessages } from '../access/audit-event.ts';
import { publishAuditMessages } from '../access/audit-sender.ts';
import type { TokenStreamOptions } from '../access/token-lookup.ts';
import { stateOf, type TokenRecord } from '../access/token-record.ts';
import { createToken, listTokens, type NewToken, revokeToken } from '../access/token-store.ts';
import { parseToken } from '../access/token-text.ts';
import { Duration } from '../config/config-value.ts';
import { type Config, readConfig } from '../config/config.ts';
import { ConsumerError } from '../errors.ts';
import { openConnection } from '../nats/connect.ts';
import { accessStream, deployAccess } from '../streams/deploy.ts';
import { type Command, type CommandContext, oneOf } from './command.ts';
import { formatTable } from './table.ts';

export const tokenCommand: Command = {
  name: 'token',
  summary: 'Make, list and revoke the tokens with which the API is asked',
  help: `Usage: waybill token create --name NAME (--org ID[,ID…] | --all-organizations) --scope SCOPE[,SCOPE…]
                            [--expires 90d] [--json]
       waybill token list [--json]
       waybill token revoke ID [--json]

\`create\` prints the token, once: only its hash is stored. \`revoke\` holds everywhere within 10 s, and keeps the record.
Both are events in the chain of each organization of the token. They need an identity that may write to the stream of
tokens (WAYBILL_ACCESS_NATS_*); without it they use that of everything else. \`create\` makes the stream if it is missing.

  --name NAME          what the token is for, or who has it: 1 to 128 characters
  --org ID             organizations that it may see
  --all-organizations  all of them, those of later days too
  --scope SCOPE        what it may do: usage:read, entries:read, verify, export, admin
  --expires TIME       how long it is valid: 90d, 12h, 30m. Default 90d, at most 366d; with entries:read, export or
                       admin default 30d, at most 90d
  --json               create: { token, id, name, scopes, organizations, … }; list: an array without tokens; revoke: the
                       same of one
  -h, --help           this text

Exit codes: 0, also for a token that was revoked before; 66 when there is no such token; 77 when the identity may not
write; others as listed in docs/reference/cli.md.`,
  options: {
    name: { type: 'string' },
    org: { type: 'string' },
    'all-organizations': { type: 'boolean' },
    scope: { type: 'string' },
    expires: { type: 'string' },
    json: { type: 'boolean' },
  },
  meant: { all: '--all-organizations', organization: '--org', organizations: '--org', scopes: '--scope' },
  maxWords: 2,
  async run(context) {
    const [action, id, ...rest] = context.values.words;
    const isAlone = id === undefined;
    if (action === 'create' && isAlone) return create(context);
    if (action === 'list' && isAlone) return list(context);
    if (action === 'revoke' && id !== undefined && rest.length === 0) return revoke(context, id);
    throw new ConsumerError('BAD_ARGUMENT', 'waybill token needs create, list, or revoke and an ID; see --help');
  },
};

async function create(context: CommandContext): Promise<number> {
  const { output, values } = context;
  const config = readConfig(context.env);
  const request = requestOf(context, config);
  const { token, record } = await withTokens(config, async (at) => {
    try {
      return await createToken(at, request);
    } catch (error) {
      if (!(error instanceof ConsumerError) || error.code !== 'NO_STREAM') throw error;
    }
    await deployAccess(at.nc, accessStream(config));
    const where = config.access.nats === null ? ', where everything else is: WAYBILL_ACCESS_NATS_USER is not set' : '';
    output.note(`waybill: made stream ${at.stream}${where}`);
    return createToken(at, request);
  });
  await tell(context, config, tokenMessages('create', record, placeOf(config)));
  if (values.flag('json')) await output.json({ token, ...shown(record) });
  else await output.lines([token]);
  output.note(`waybill: token ${record.id} is valid until ${record.expires_at}. It is shown this once.`);
  return 0;
}

function requestOf({ values }: CommandContext, config: Config): NewToken {
  const organizations = oneOf(values, 'token create', ['org', 'all-organizations']);
  const [name, scopes] = [values.text('name'), values.text('scope')];
  if (name === undefined || scopes === undefined) {
    throw new ConsumerError('BAD_ARGUMENT', 'waybill token create needs --name and --scope; see --help');
  }
  return {
    name,
    scopes: scopes.split(',') as Scope[],
    organizations: organizations === null ? 'all' : organizations.split(','),
    expiresInMs: durationOf(values.text('expires')),
    by: nameOf(config),
  };
}

function durationOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const result = Duration.safeParse(text);
  if (result.success) return result.data;
  throw new ConsumerError(
    'BAD_ARGUMENT',
    `--expires is ${JSON.stringify(text)}: expected a duration such as 90d or 12h`,
  );
}

async function list({ env, output, values }: CommandContext): Promise<number> {
  const records = await withTokens(readConfig(env), listTokens);
  if (values.flag('json')) await output.json(records.map(shown));
  else if (records.length > 0) await output.text(table(records));
  return 0;
}

async function revoke(context: CommandContext, word: string): Promise<number> {
  const { output, values } = context;
  const config = readConfig(context.env);
  // In an emergency people have the token, and not its id.
  const id = parseToken(word)?.id ?? word;
  const { record, isNew } = await withTokens(config, (at) => revokeToken(at, id, nameOf(config)));
  if (isNew) await tell(context, config, tokenMessages('revoke', record, placeOf(config)));
  if (values.flag('json')) await output.json(shown(record));
  else if (isNew) await output.text([`token ${record.id} is revoked: within 10 s nobody is let in with it`]);
  else await output.text([`token ${record.id} was revoked before, on ${record.revoked_at}`]);
  return 0;
}

async function withTokens<T>(config: Config, work: (at: TokenStreamOptions) => Promise<T>): Promise<T> {
  const { stream, prefix, nats } = config.access;
  const nc = await openConnection(nats ?? config.nats);
  try {
    return await work({ nc, stream, prefix });
  } finally {
    await nc.close();
  }
}

/** Publishes events about a token. The record is stored by then: what cannot be published is said, and changes nothing. */
async function tell({ output }: CommandContext, config: Config, messages: readonly AuditMessage[]): Promise<void> {
  let nc: NatsConnection | null = null;
  try {
    nc = await openConnection(config.nats);
    await publishAuditMessages(nc, messages);
  } catch (error) {
    output.note(`waybill: the event about this token is in no chain: ${(error as Error).message}`);
  } finally {
    await nc?.close();
  }
}

function placeOf({ settings, access }: Config): { auditPrefix: string; operatorOrg: string | null } {
  return { auditPrefix: settings.auditPrefix, operatorOrg: access.operatorOrg };
}

/** Who makes a token: the user that NATS knows. */
function nameOf({ nats, access }: Config): string {
  return (access.nats ?? nats).user ?? 'no user name';
}

/** All but the hash: it is no secret, and of no use to anybody. */
function shown({ v: _v, sha256: _sha256, ...record }: TokenRecord): object {
  return { ...record, state: stateOf(record, new Date()) };
}

function table(records: readonly TokenRecord[]): string[] {
  const now = new Date();
  const rows = records.map((record) => [
    record.id,
    stateOf(record, now),
    record.expires_at,
    record.scopes.join(','),
    record.organizations === 'all' ? '(all)' : record.organizations.join(','),
    record.name,
  ]);
  return formatTable([['id', 'state', 'expires', 'scopes', 'organizations', 'name'], ...rows]);
}
