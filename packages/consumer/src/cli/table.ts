export { formatTable } from '@waybill/verify/internal';
