import { requireNode } from '@waybill/schema/node-version';

requireNode('@waybill/client', '22.12');
