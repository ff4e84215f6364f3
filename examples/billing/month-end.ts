import { type Bill, ClientError, createClient } from '@waybill/client';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const [period = '', folder = 'bills'] = process.argv.slice(2);
const { WAYBILL_URL: url = 'http://127.0.0.1:8090', WAYBILL_TOKEN: token } = process.env;
const rows = ['organization,from,to,uploaded_bytes,downloaded_bytes,deduplicated_bytes,unknown_sizes'];
// What is chained later adds to the anchors of a bill. What it states never changes.
const stated = (text: string): string => JSON.stringify({ ...(JSON.parse(text) as Bill), anchors: null });
await mkdir(folder, { recursive: true });

try {
  // Throws before the first bill when the month is not final, and after the last one when they were not all.
  for await (const bill of createClient({ url, token }).bills.all({ period, zone: 'Europe/Berlin' })) {
    const { orgid, from, to, usage, completeness } = bill.statement;
    const { uploads, downloads, deduplicated } = usage;
    // `Acme` and `acme` are two customers, on every disk.
    const name = orgid.replaceAll(/[A-Z]/g, (capital) => `!${capital.toLowerCase()}`);
    await keep(`${name}.${period}.bill.json`, `${JSON.stringify(bill)}\n`, stated);
    rows.push([orgid, from, to, uploads.bytes, downloads.bytes, deduplicated.bytes, completeness.unknown].join());
  }
  // The last file: when it is there, all bills are.
  await keep(`usage.${period}.csv`, `${rows.join('\n')}\n`, (text) => text);
} catch (error) {
  if (!(error instanceof ClientError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = error.retryAfterMs === undefined ? 1 : 75; // 75: later, as of `waybill bill`
}

/** A file is whole or absent. One that is there stays as it is: a customer may have it. */
async function keep(name: string, text: string, essence: (text: string) => string): Promise<void> {
  const [file, draft] = [join(folder, name), join(folder, `.${name}.${process.pid}.draft`)];
  const found = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  if (found !== undefined && essence(found) !== essence(text)) throw new Error(`${file} is there, and differs`);
  if (found !== undefined) return;
  await writeFile(draft, text, { flush: true });
  await rename(draft, file);
}
