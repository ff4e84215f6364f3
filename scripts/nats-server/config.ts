import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** `open`: one account, no users. `shipped`: deploy/nats-server.conf to the letter. */
export type ConfigKind = 'open' | 'shipped';

/** The users of the shipped configuration. Each may subscribe to `_INBOX.<name>.>`. */
const USERS = {
  admin: { passwordVariable: 'NATS_ADMIN_PASSWORD' },
  service: { passwordVariable: 'NATS_SERVICE_PASSWORD' },
  auditor: { passwordVariable: 'NATS_AUDITOR_PASSWORD' },
  reader: { passwordVariable: 'NATS_READER_PASSWORD' },
  producer: { passwordVariable: 'NATS_PRODUCER_PASSWORD' },
  'access-admin': { passwordVariable: 'NATS_ACCESS_ADMIN_PASSWORD' },
  'access-reader': { passwordVariable: 'NATS_ACCESS_READER_PASSWORD' },
  asker: { passwordVariable: 'NATS_ASKER_PASSWORD' },
} as const;

export type UserName = keyof typeof USERS;

/** What a client needs to connect as one of the users; programs of Waybill find the prefix themselves. */
export interface Credentials {
  user: UserName;
  pass: string;
  inboxPrefix: string;
}

export interface WrittenConfig {
  file: string;
  env: Record<string, string>;
  /** Absent with the open configuration. */
  users: Record<UserName, Credentials> | undefined;
  /** Writes it anew with something else at its end; a server takes it when it is restarted or told to reload. */
  rewrite(extraConfig: string): Promise<void>;
}

const SHIPPED = new URL('../../deploy/nats-server.conf', import.meta.url);

export async function writeConfig(
  folder: string,
  options: { kind: ConfigKind; storeDir: string; syncAlways: boolean; extraConfig: string },
): Promise<WrittenConfig> {
  const file = join(folder, 'nats-server.conf');
  const users = options.kind === 'shipped' ? newUsers() : undefined;
  const text = options.kind === 'shipped' ? await readFile(SHIPPED, 'utf8') : openConfig(options.syncAlways);
  const rewrite = (extraConfig: string) => writeFile(file, `${text}\n${extraConfig}\n`);
  await rewrite(options.extraConfig);
  // nats-server parses the value of a variable as configuration: unquoted, a blank or a digit in front would matter.
  const env: Record<string, string> = { NATS_STORE_DIR: JSON.stringify(options.storeDir) };
  for (const { user, pass } of Object.values(users ?? {})) env[USERS[user].passwordVariable] = JSON.stringify(pass);
  return { file, env, users, rewrite };
}

function openConfig(syncAlways: boolean): string {
  return `jetstream { store_dir: $NATS_STORE_DIR, strict: true${syncAlways ? ', sync_interval: always' : ''} }`;
}

function newUsers(): Record<UserName, Credentials> {
  const credentials = (user: UserName): Credentials => ({
    user,
    pass: randomBytes(16).toString('hex'),
    inboxPrefix: `_INBOX.${user}`,
  });
  const names = Object.keys(USERS) as UserName[];
  return Object.fromEntries(names.map((name) => [name, credentials(name)])) as Record<UserName, Credentials>;
}
