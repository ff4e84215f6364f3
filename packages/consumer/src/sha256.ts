export { nodeSha256 } from '@waybill/verify/internal';
