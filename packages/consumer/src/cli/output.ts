export { createOutput, type Output, ReaderGone } from '@waybill/verify/internal';
