import { requireNode } from './node-version.ts';

requireNode('@waybill/schema', '22.12');
