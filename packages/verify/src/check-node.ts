import { requireNode } from '@waybill/schema/node-version';

requireNode('@waybill/verify', '22.12');
