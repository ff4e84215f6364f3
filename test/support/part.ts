/** How much of a test is done: `npm test` does a part of some, `npm run test:long` the whole. */
export { IS_WHOLE, partOf } from '../../packages/schema/test-support/part.ts';
