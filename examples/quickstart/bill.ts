import { openConnection, readConfig, usage } from '@waybill/consumer';

// Server and identity: WAYBILL_NATS_URL, WAYBILL_NATS_USER and so on.
const { nats, settings } = readConfig(process.env);
const nc = await openConnection(nats);
const [orgid = 'acme', from, to] = process.argv.slice(2);
const bill = await usage(nc, settings, { orgid, from, to });
console.log(`${bill.uploads.bytes} bytes up, ${bill.deduplicated.bytes} saved${bill.final ? '' : ' so far'}`);
console.log(`proof: entry ${bill.boundary.to?.seq}, ${bill.boundary.to?.hash}`);
await nc.close();
