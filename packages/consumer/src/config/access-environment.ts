/** The `WAYBILL_*` variables about who may ask: tokens, JWTs, rates, and the audit of reads. */
import { ORGID_PATTERN } from '@waybill/schema/internal';
import { z } from 'zod';
import { Integer, path, prefix, streamName } from './config-value.ts';

export const JWT_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

const claim = z.string().min(1);

/** Part of `Environment`, which has the rules of all variables. */
export const AccessEnvironment = z.object({
  WAYBILL_OPERATOR_ORG: z
    .string()
    .regex(ORGID_PATTERN, 'expected an organization: letters, digits, - and _')
    .optional()
    .describe(
      'Organization whose chain has the reads over all organizations, and the making of tokens for all. Unset: the chain `_unattributed`.',
    ),
  WAYBILL_ACCESS_STREAM: streamName.default('ACCESS').describe('Name of the stream of tokens.'),
  WAYBILL_ACCESS_PREFIX: prefix.default('access').describe('Tokens are on `<prefix>.token.<id>`.'),
  WAYBILL_ACCESS_RATE: Integer(0, 1_000_000)
    .default(1_200)
    .describe('Requests a minute that one token may make of one process; `0`: no limit.'),
  WAYBILL_ACCESS_FAILURES: Integer(0, 1_000_000)
    .default(30)
    .describe(
      'Refused tokens a minute after which one process refuses an address; `0`: no limit. An IPv6 address counts with its /64.',
    ),
  WAYBILL_ACCESS_NATS_URL: z
    .string()
    .optional()
    .describe('Servers of the stream of tokens, as in `WAYBILL_NATS_URL`. Unset: those of `WAYBILL_NATS_URL`.'),
  WAYBILL_ACCESS_NATS_USER: z
    .string()
    .optional()
    .describe(
      'User name for the stream of tokens. Unset, as are the next three: tokens are where everything else is, under the same identity.',
    ),
  WAYBILL_ACCESS_NATS_PASSWORD: z.string().optional().describe('Password of that user.'),
  WAYBILL_ACCESS_NATS_PASSWORD_FILE: path.optional().describe('File with the password of that user.'),
  WAYBILL_ACCESS_NATS_CREDS_FILE: path
    .optional()
    .describe('File with a JWT and its seed (`.creds`), instead of that user.'),
  WAYBILL_ACCESS_NATS_INBOX_PREFIX: prefix
    .optional()
    .describe('Subject prefix for answers to that identity. Unset: as `WAYBILL_NATS_INBOX_PREFIX` says.'),
  WAYBILL_JWT_ISSUER: z
    .string()
    .min(1)
    .optional()
    .describe('`iss` of the JWTs that are accepted, letter by letter. Unset, as are the next four: none is.'),
  WAYBILL_JWT_AUDIENCE: z.string().min(1).optional().describe('`aud` that a JWT must have.'),
  WAYBILL_JWT_JWKS_URL: z
    .string()
    .optional()
    .describe("URL of the issuer's public keys (JWKS): https, or http on a loopback address."),
  WAYBILL_JWT_SCOPES: z
    .string()
    .optional()
    .describe(
      'What each value of the claim of scopes allows: `billing=usage:read;auditor=entries:read,verify`. A value that is not listed allows nothing.',
    ),
  WAYBILL_JWT_ORGANIZATIONS_CLAIM: claim
    .optional()
    .describe(
      'Claim that names the organizations: an array, or names separated by blanks. A name, or a JSON pointer such as `/tenant/ids`.',
    ),
  WAYBILL_JWT_SCOPES_CLAIM: claim
    .default('scope')
    .describe(
      'Claim that is looked up in `WAYBILL_JWT_SCOPES`: an array, or values separated by blanks. A name, or a JSON pointer such as `/realm_access/roles`.',
    ),
  WAYBILL_JWT_ALGORITHMS: z
    .string()
    .default('RS256,PS256,ES256,EdDSA')
    .describe(`Algorithms of signatures that are accepted, of ${JWT_ALGORITHMS.join(', ')}.`),
  WAYBILL_JWT_MAX_HOURS: Integer(1, 8_784)
    .default(24)
    .describe('How many hours ahead the end of a JWT (`exp`) may be: nobody can revoke it before.'),
});
