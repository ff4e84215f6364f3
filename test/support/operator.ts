/** A server in operator mode: identities are JWTs, as in most hosted installations. */
import * as jwt from '@nats-io/jwt';

/** An operator, its accounts in the server's memory, and creds for users of one of them. */
export async function createOperator() {
  const [operator, account, system] = [jwt.createOperator(), jwt.createAccount(), jwt.createAccount()];
  const unlimited = { disk_storage: -1, mem_storage: -1, streams: -1, consumer: -1, conn: -1, subs: -1, data: -1 };
  const limits = { ...unlimited, payload: -1, imports: -1, exports: -1, wildcards: true };
  const operatorJwt = await jwt.encodeOperator('test', operator, { system_account: system.getPublicKey() });
  const systemJwt = await jwt.encodeAccount('system', system, {}, { signer: operator });
  const issued: string[] = [];
  const configOf = async (revoked: readonly string[]): Promise<string> => {
    const revocations = Object.fromEntries(revoked.map((key) => [key, Math.ceil(Date.now() / 1000)]));
    const own = await jwt.encodeAccount('producers', account, { limits, revocations }, { signer: operator });
    return `
      operator: ${operatorJwt}
      system_account: ${system.getPublicKey()}
      resolver: MEMORY
      resolver_preload: {
        ${account.getPublicKey()}: ${own}
        ${system.getPublicKey()}: ${systemJwt}
      }`;
  };
  return {
    config: await configOf([]),
    /** The same, and no creds that were issued so far are taken any more. */
    revoking: () => configOf(issued),
    async creds(lifetimeSeconds?: number): Promise<string> {
      const user = jwt.createUser();
      issued.push(user.getPublicKey());
      const exp = lifetimeSeconds === undefined ? {} : { exp: Math.floor(Date.now() / 1000) + lifetimeSeconds };
      return Buffer.from(jwt.fmtCreds(await jwt.encodeUser('service', user, account, {}, exp), user)).toString();
    },
  };
}
