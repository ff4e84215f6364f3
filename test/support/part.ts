/** Whether a test does all: `npm test` does a part of some, `npm run test:long` the whole. */
export { IS_WHOLE } from '../../packages/schema/test-support/part.ts';
