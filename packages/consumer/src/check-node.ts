import { requireNode } from '@waybill/schema/node-version';

requireNode('@waybill/consumer', '26');
