/** A server in operator mode: identities are JWTs, as in most hosted installations. */
import * as jwt from '@nats-io/jwt';

/** An operator, its accounts in the server's memory, and creds for users of one of them. */
export async function createOperator() {
  const [operator, account, system] = [jwt.createOperator(), jwt.createAccount(), jwt.createAccount()];
  const unlimited = { disk_storage: -1, mem_storage: -1, streams: -1, consumer: -1, conn: -1, subs: -1, data: -1 };
  const limits = { ...unlimited, payload: -1, imports: -1, exports: -1, wildcards: true };
  const issue = (name: string, keys: typeof account) => jwt.encodeAccount(name, keys, { limits }, { signer: operator });
  return {
    config: `
      operator: ${await jwt.encodeOperator('test', operator, { system_account: system.getPublicKey() })}
      system_account: ${system.getPublicKey()}
      resolver: MEMORY
      resolver_preload: {
        ${account.getPublicKey()}: ${await issue('producers', account)}
        ${system.getPublicKey()}: ${await jwt.encodeAccount('system', system, {}, { signer: operator })}
      }`,
    async creds(lifetimeSeconds?: number): Promise<string> {
      const user = jwt.createUser();
      const exp = lifetimeSeconds === undefined ? {} : { exp: Math.floor(Date.now() / 1000) + lifetimeSeconds };
      return Buffer.from(jwt.fmtCreds(await jwt.encodeUser('service', user, account, {}, exp), user)).toString();
    },
  };
}
