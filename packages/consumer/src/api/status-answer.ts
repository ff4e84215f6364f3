/** `status.get`. */
import { jetstreamManager } from '@nats-io/jetstream';
import type { Input, Output } from '@waybill/schema/api';
import { readEpoch } from '../audit/epoch.ts';
import { readWatermark } from '../ledger/ledger-end.ts';
import { readStreamInfo } from '../nats/stream-info.ts';
import { VERSION } from '../version.ts';
import { TZ_VERSION } from '../zone.ts';
import type { Asked, Reader, WholeAnswer } from './reader.ts';
import { jsonAnswer } from './whole-answer.ts';
import { withinTime } from './within-time.ts';

export async function getStatus({ reader }: Asked<Input<'status.get'>>): Promise<WholeAnswer> {
  const { limits, slots } = reader;
  return jsonAnswer(await withinTime(limits.queryMs, slots.take('query'), readStatus(reader)));
}

async function readStatus({ nc, settings, bind, role }: Reader): Promise<Output<'status.get'>> {
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const audit = await readStreamInfo(jsm, settings.auditStream);
  const base = bind ? (await readEpoch(jsm, settings)).base : 0;
  const watermark = await readWatermark(jsm, settings);
  const ledger = await readStreamInfo(jsm, settings.ledgerStream);
  return {
    version: VERSION,
    role,
    tz: TZ_VERSION,
    position: String(ledger.state.last_seq),
    watermark: String(watermark),
    behind: String(Math.max(0, base + audit.state.last_seq - watermark)),
  };
}
