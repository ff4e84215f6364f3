/**
 * The `WAYBILL_*` variables. This schema is their documentation: `docs/reference/configuration.md` has exactly its
 * rows, and a test compares them.
 */
import { DEFAULT_CONTROL_PREFIX, DEFAULT_EVENT_PREFIX, DEFAULT_LEDGER_PREFIX } from '@waybill/schema/internal';
import { z } from 'zod';
import { ConsumerError } from '../errors.ts';
import { AccessEnvironment } from './access-environment.ts';
import { Duration, Integer, path, prefix, Size, streamName } from './config-value.ts';

/** Names, IPv4 addresses, and IPv6 addresses in brackets. */
const HOST = String.raw`(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\])`;
const HOST_LIST = new RegExp(`^${HOST}(?:,${HOST})*$`);

export const STREAM_MODES = ['deploy', 'check', 'bind'] as const;
export const SERVICE_ROLES = ['all', 'writer', 'reader'] as const;
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** Every variable, its default and its meaning. An empty value counts as unset. */
export const Environment = z.object({
  WAYBILL_NATS_URL: z
    .string()
    .default('nats://127.0.0.1:4222')
    .describe(
      'Servers, comma-separated: `nats://host:port` or `tls://host:port`; `user:password@` or `token@` may stand before the host.',
    ),
  WAYBILL_NATS_USER: z
    .string()
    .optional()
    .describe('User name; needs `WAYBILL_NATS_PASSWORD` or `WAYBILL_NATS_PASSWORD_FILE`.'),
  WAYBILL_NATS_PASSWORD: z.string().optional().describe('Password of the user.'),
  WAYBILL_NATS_PASSWORD_FILE: path
    .optional()
    .describe('File with the password of the user, instead of `WAYBILL_NATS_PASSWORD`.'),
  WAYBILL_NATS_TOKEN: z.string().optional().describe('Token, instead of a user.'),
  WAYBILL_NATS_CREDS_FILE: path.optional().describe('File with a JWT and its seed (`.creds`), instead of a user.'),
  WAYBILL_NATS_NKEY_SEED_FILE: path.optional().describe('File with an nkey seed, instead of a user.'),
  WAYBILL_NATS_TLS_CA_FILE: path
    .optional()
    .describe('Certificates (PEM) that the server must chain to; switches TLS on.'),
  WAYBILL_NATS_TLS_CERT_FILE: path
    .optional()
    .describe('Client certificate (PEM); needs `WAYBILL_NATS_TLS_KEY_FILE`; switches TLS on.'),
  WAYBILL_NATS_TLS_KEY_FILE: path.optional().describe('Key (PEM) of the client certificate.'),
  WAYBILL_NATS_INBOX_PREFIX: prefix
    .optional()
    .describe(
      'Subject prefix for answers: the identity must be allowed to subscribe to `<prefix>.>`. Unset: `_INBOX.<user>`, as the shipped configuration has it; `_INBOX.waybill` without a user name.',
    ),
  WAYBILL_ROLE: z
    .enum(SERVICE_ROLES)
    .default('all')
    .describe(
      'What `serve` does: `writer` chains events; `reader` answers questions, and writes nothing; `all` does both, and answers when `WAYBILL_API_PORT` is set.',
    ),
  WAYBILL_API_PORT: Integer(0, 65_535)
    .optional()
    .describe('Port of the API (docs/reference/api.md); `0`: any free one. Unset: no API.'),
  WAYBILL_API_HOST: z.string().default('127.0.0.1').describe('Address that the port of the API is opened on.'),
  WAYBILL_API_NATS: z
    .enum(['0', '1'])
    .default('0')
    .describe(
      '`1`: what answers at `WAYBILL_API_PORT` also answers on `waybill.v1.>`. There the permissions of the NATS server say who may ask.',
    ),
  WAYBILL_HTTP_HOSTS: z
    .string()
    .regex(HOST_LIST, 'expected host names without ports, separated by commas')
    .optional()
    .describe(
      'Host names, separated by commas, that requests to the API may be for (`Host`) and may come from (`Origin`), besides `localhost` and the loopback addresses.',
    ),
  WAYBILL_HTTP_OPEN: z
    .enum(['0', '1'])
    .default('0')
    .describe(
      '`1`: whoever reaches the API may ask everything, without a token. Only when `WAYBILL_API_HOST` is a loopback address.',
    ),
  WAYBILL_AUDIT_STREAM: streamName.default('AUDIT').describe('Name of the stream of events.'),
  WAYBILL_LEDGER_STREAM: streamName.default('LEDGER').describe('Name of the stream of blocks.'),
  WAYBILL_AUDIT_PREFIX: prefix
    .default(DEFAULT_EVENT_PREFIX)
    .describe('Events are on `<prefix>.<target>.<action>.<orgid>`.'),
  WAYBILL_LEDGER_PREFIX: prefix.default(DEFAULT_LEDGER_PREFIX).describe('Blocks are on `<prefix>.<orgid>`.'),
  WAYBILL_CONTROL_PREFIX: prefix
    .default(DEFAULT_CONTROL_PREFIX)
    .describe('Messages of operators are on `<prefix>.acknowledge.<orgid>`, in the stream of events.'),
  WAYBILL_STREAM_MODE: z
    .enum(STREAM_MODES)
    .default('deploy')
    .describe(
      'What `serve` does first: `deploy` creates and corrects the streams; `check` compares them and does not start on drift; `bind` leaves the stream of events alone, because somebody else owns it.',
    ),
  WAYBILL_REPLICAS: Integer(1, 5).default(1).describe('Copies of each stream in a cluster.'),
  WAYBILL_AUDIT_MAX_AGE: Duration.default(0).describe('How long events are kept, e.g. `400d`; `0`: for ever.'),
  WAYBILL_AUDIT_MAX_BYTES: Size.default(0).describe('Size at which new events are refused, e.g. `200GiB`; `0`: none.'),
  WAYBILL_LEDGER_MAX_BYTES: Size.default(0).describe('Size at which the ledger takes no more blocks; `0`: none.'),
  WAYBILL_CHECK_SECONDS: Integer(0, 86_400)
    .default(60)
    .describe(
      'How often `serve` compares the streams with what is wanted; `0`: only when JetStream announces a change.',
    ),
  WAYBILL_FAST: z
    .enum(['0', '1'])
    .default('1')
    .describe('`0`: `serve` uses no fast path, only the plain code that specifies it. Slower; the same bytes.'),
  WAYBILL_BILL_ISSUER: z
    .string()
    .min(1)
    .max(256)
    .default('waybill')
    .describe('Who issues the bills of `waybill bill`.'),
  WAYBILL_BILL_KEY_FILE: path
    .optional()
    .describe('File with the Ed25519 private key that signs bills: PKCS #8 as PEM, or base64 of its 32-byte seed.'),
  WAYBILL_PUSH_KEY: z.string().optional().describe('Secret key of the metering engine that `waybill push` sends to.'),
  WAYBILL_PUSH_KEY_FILE: path.optional().describe('File with that key, instead of `WAYBILL_PUSH_KEY`.'),
  WAYBILL_LOG_LEVEL: z.enum(LOG_LEVELS).default('info').describe('Least important log line that `serve` writes.'),
  WAYBILL_HTTP_PORT: Integer(0, 65_535)
    .optional()
    .describe('Port of `/healthz`, `/readyz`, `/status` and `/metrics`; `0`: any free one. Unset: no HTTP.'),
  WAYBILL_HTTP_HOST: z.string().default('127.0.0.1').describe('Address that the HTTP port is opened on.'),
  ...AccessEnvironment.shape,
});
export type Environment = z.infer<typeof Environment>;

/** @param message names the variable, its value and what is expected */
export function badConfig(message: string): ConsumerError {
  return new ConsumerError('BAD_CONFIG', message);
}

/** @throws ConsumerError BAD_CONFIG when only one of two variables is set */
export function requireBoth(env: Environment, a: keyof Environment, b: keyof Environment): void {
  if ((env[a] === undefined) === (env[b] === undefined)) return;
  const [set, unset] = env[a] === undefined ? [b, a] : [a, b];
  throw badConfig(`${set} is set and ${unset} is not: expected both or none`);
}
