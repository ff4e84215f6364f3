import { requireNode } from '@waybill/schema/node-version';

requireNode('@waybill/publisher', '22.12');
